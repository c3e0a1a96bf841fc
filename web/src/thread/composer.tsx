import { AuiIf, ComposerPrimitive, useAui } from "@assistant-ui/react";
import type { JSX, KeyboardEvent } from "react";
import { setPreferences, usePreferences } from "../preferences.ts";
import { Icon } from "../ui/icons.tsx";
import { HAS_KEYS, useMedia } from "../ui/use-media.ts";
import { ModelChoice } from "./model-choice.tsx";
import { useHeldEnter } from "./use-held-enter.ts";

/** Where a question is written. It takes none while the conversation is still to open. */
export function Composer({ isOpening }: { isOpening: boolean }): JSX.Element {
  const aui = useAui();
  const hasKeys = useMedia(HAS_KEYS);
  const holdEnter = useHeldEnter();

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing) return;
    holdEnter(event);
    if (event.key !== "ArrowUp" || event.currentTarget.value !== "") return;
    const last = aui.thread.getState().messages.findLast(({ role }) => role === "user");
    if (last === undefined) return;
    event.preventDefault();
    aui.thread.message({ id: last.id }).composer().beginEdit();
  };

  return (
    <ComposerPrimitive.Root className="composer">
      <label className="sr-only" htmlFor="prompt">
        Message
      </label>
      <ComposerPrimitive.Input
        id="prompt"
        rows={1}
        maxRows={9}
        autoFocus={hasKeys}
        placeholder="Ask anything"
        autoComplete="off"
        readOnly={isOpening}
        enterKeyHint="send"
        onKeyDown={onKeyDown}
      />
      <div className="flex items-center gap-3">
        <ThinkingSwitch />
        <ModelChoice />
        <span className="keys" aria-hidden="true">
          <kbd>Enter</kbd> sends, <kbd>Shift</kbd> <kbd>Enter</kbd> adds a line, <kbd>Esc</kbd> stops
        </span>
        <AuiIf condition={(s) => !s.thread.isRunning}>
          <ComposerPrimitive.Send className="round" aria-label="Send" title="Send">
            <Icon name="send" />
          </ComposerPrimitive.Send>
        </AuiIf>
        <AuiIf condition={(s) => s.thread.isRunning}>
          <ComposerPrimitive.Cancel className="round" aria-label="Stop" title="Stop">
            <svg viewBox="0 0 24 24" className="size-5" aria-hidden="true">
              <rect x="6" y="6" width="12" height="12" rx="2.5" fill="currentColor" />
            </svg>
          </ComposerPrimitive.Cancel>
        </AuiIf>
      </div>
    </ComposerPrimitive.Root>
  );
}

function ThinkingSwitch(): JSX.Element {
  const { thinking } = usePreferences();
  return (
    <label className="switch">
      <input
        type="checkbox"
        role="switch"
        className="sr-only"
        aria-checked={thinking}
        checked={thinking}
        onChange={(event) => setPreferences({ thinking: event.currentTarget.checked })}
      />
      <span className="track" aria-hidden="true" />
      Thinking
    </label>
  );
}
