import { ActionBarPrimitive, ComposerPrimitive, MessagePrimitive, useAuiState } from "@assistant-ui/react";
import { type JSX, memo, useEffect, useRef } from "react";
import { Icon } from "../ui/icons.tsx";
import { BranchPicker } from "./branch-picker.tsx";
import { CopyButton } from "./copy-button.tsx";
import { textOf } from "./message-text.ts";
import { useHeldEnter } from "./use-held-enter.ts";

/** A question: a bubble, which can be copied and asked again in other words. */
export const UserMessage = memo(function UserMessage(): JSX.Element {
  const isEditing = useAuiState((s) => s.message.composer.isEditing);
  const text = useAuiState((s) => textOf(s.message, "text"));
  const edit = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);
  useEffect(() => {
    // The field that had the focus is gone.
    if (wasEditing.current && !isEditing) edit.current?.focus({ preventScroll: true });
    wasEditing.current = isEditing;
  }, [isEditing]);

  return (
    <MessagePrimitive.Root className="question group flex flex-col items-end">
      <h2 className="sr-only">You</h2>
      {isEditing ? (
        <EditBox />
      ) : (
        <>
          <div className="bubble" dir="auto">
            {text}
          </div>
          <div className="actions mt-1 flex items-center gap-0.5">
            <CopyButton />
            <ActionBarPrimitive.Edit
              ref={edit}
              className="icon-button small appears"
              aria-label="Edit this message"
              title="Edit"
            >
              <Icon name="edit" />
            </ActionBarPrimitive.Edit>
            <BranchPicker />
          </div>
        </>
      )}
    </MessagePrimitive.Root>
  );
});

/** The same question, open for change. Sending it makes another branch of the conversation. */
function EditBox(): JSX.Element {
  const holdEnter = useHeldEnter();
  return (
    <ComposerPrimitive.Root className="edit-box">
      <ComposerPrimitive.Input
        autoFocus
        rows={1}
        maxRows={12}
        aria-label="Edit your message"
        onKeyDown={holdEnter}
        className="block w-full resize-none bg-transparent outline-none"
      />
      <div className="mt-2 flex justify-end gap-2">
        <ComposerPrimitive.Cancel className="button">Cancel</ComposerPrimitive.Cancel>
        <ComposerPrimitive.Send className="button primary">Send</ComposerPrimitive.Send>
      </div>
    </ComposerPrimitive.Root>
  );
}
