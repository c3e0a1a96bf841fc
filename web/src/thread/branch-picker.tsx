import { BranchPickerPrimitive, useAuiState } from "@assistant-ui/react";
import type { JSX } from "react";
import { Icon } from "../ui/icons.tsx";

/**
 * Goes through the versions of a question or an answer: `2 / 3`. Nothing where there is one. It stands still while an
 * answer comes: whatever was asked beside it, in another version, would end it unseen.
 */
export function BranchPicker(): JSX.Element {
  const isRunning = useAuiState((s) => s.thread.isRunning);
  const hint = isRunning ? "When the answer has ended" : undefined;
  return (
    <BranchPickerPrimitive.Root
      hideWhenSingleBranch
      className="flex items-center text-muted"
      role="group"
      aria-label="Versions"
    >
      <BranchPickerPrimitive.Previous
        className="icon-button small"
        aria-label="Previous version"
        title={hint}
        disabled={isRunning}
      >
        <Icon name="left" />
      </BranchPickerPrimitive.Previous>
      <span className="text-xs tabular-nums">
        <BranchPickerPrimitive.Number /> / <BranchPickerPrimitive.Count />
      </span>
      <BranchPickerPrimitive.Next
        className="icon-button small"
        aria-label="Next version"
        title={hint}
        disabled={isRunning}
      >
        <Icon name="right" />
      </BranchPickerPrimitive.Next>
    </BranchPickerPrimitive.Root>
  );
}
