import { AuiIf, ThreadPrimitive, useAui } from "@assistant-ui/react";
import { type JSX, useEffect } from "react";
import { useOpening } from "../runtime/use-opening.ts";
import { useStorageState } from "../runtime/use-server.ts";
import { Icon } from "../ui/icons.tsx";
import { Announcer } from "./announcer.tsx";
import { AssistantMessage } from "./assistant-message.tsx";
import { Composer } from "./composer.tsx";
import { UserMessage } from "./user-message.tsx";
import { Welcome } from "./welcome.tsx";

/** A conversation: what was said, and where the next question is written. */
export function Thread(): JSX.Element {
  useStopOnEscape();
  const isOpening = useOpening();
  return (
    <ThreadPrimitive.Root className="flex min-h-0 flex-1 flex-col">
      <ThreadPrimitive.Viewport className="viewport">
        <AuiIf condition={(s) => s.thread.isEmpty}>{!isOpening && <Welcome />}</AuiIf>
        <div role="log" aria-live="off" aria-label="Conversation" className="messages">
          <ThreadPrimitive.Messages>
            {({ message }) => (message.role === "user" ? <UserMessage /> : <AssistantMessage />)}
          </ThreadPrimitive.Messages>
        </div>
      </ThreadPrimitive.Viewport>
      <div className="relative px-4 pb-[max(0.75rem,env(safe-area-inset-bottom))]">
        <ThreadPrimitive.ScrollToBottom className="to-end" aria-label="Go to the end" title="Go to the end">
          <Icon name="down" />
        </ThreadPrimitive.ScrollToBottom>
        <Composer isOpening={isOpening} />
        <Note />
      </div>
      <Announcer />
    </ThreadPrimitive.Root>
  );
}

/** What everybody should know, in one line. */
function Note(): JSX.Element {
  const isKept = useStorageState() === "kept";
  return (
    <p className="note">
      Answers may be wrong.{" "}
      {isKept ? "Chats stay in this browser." : "This browser keeps no chats: a reload forgets them."}
    </p>
  );
}

/** Esc stops the answer wherever the focus is, unless something nearer to it took the key. */
function useStopOnEscape(): void {
  const aui = useAui();
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
      if (document.querySelector("dialog[open], :popover-open") !== null) return;
      if (aui.thread.getState().isRunning) aui.thread.cancelRun();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [aui]);
}
