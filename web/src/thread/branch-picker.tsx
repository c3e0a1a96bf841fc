import { BranchPickerPrimitive } from "@assistant-ui/react";
import type { JSX } from "react";
import { Icon } from "../ui/icons.tsx";

/** Goes through the versions of a question or an answer: `2 / 3`. Nothing where there is one. */
export function BranchPicker(): JSX.Element {
  return (
    <BranchPickerPrimitive.Root
      hideWhenSingleBranch
      className="flex items-center text-muted"
      role="group"
      aria-label="Versions"
    >
      <BranchPickerPrimitive.Previous className="icon-button small" aria-label="Previous version">
        <Icon name="left" />
      </BranchPickerPrimitive.Previous>
      <span className="text-xs tabular-nums">
        <BranchPickerPrimitive.Number /> / <BranchPickerPrimitive.Count />
      </span>
      <BranchPickerPrimitive.Next className="icon-button small" aria-label="Next version">
        <Icon name="right" />
      </BranchPickerPrimitive.Next>
    </BranchPickerPrimitive.Root>
  );
}
