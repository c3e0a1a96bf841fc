import { ActionBarPrimitive, useAuiState } from "@assistant-ui/react";
import type { JSX } from "react";
import { Icon } from "../ui/icons.tsx";

/** Copies a message as it was written: an answer's Markdown, not how it looks. */
export function CopyButton(): JSX.Element {
  const isCopied = useAuiState((s) => s.message.isCopied);
  return (
    <ActionBarPrimitive.Copy
      copiedDuration={2000}
      className="icon-button small appears"
      aria-label={isCopied ? "Copied" : "Copy"}
      title={isCopied ? "Copied" : "Copy"}
    >
      <Icon name={isCopied ? "check" : "copy"} />
    </ActionBarPrimitive.Copy>
  );
}
