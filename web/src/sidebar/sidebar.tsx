import { AuiIf, ThreadListPrimitive, useAui } from "@assistant-ui/react";
import type { JSX } from "react";
import logo from "../logo.svg";
import { Icon } from "../ui/icons.tsx";
import { ThemeChoice } from "../ui/theme-choice.tsx";
import { ConversationItem } from "./conversation-item.tsx";

/** The conversations that this browser keeps, and what belongs to none of them. */
export function Sidebar(props: { onHide: () => void; hideLabel: string; onOpen?: () => void }): JSX.Element {
  const aui = useAui();
  return (
    <ThreadListPrimitive.Root className="flex h-full min-h-0 flex-col">
      <div className="flex h-14 flex-none items-center justify-between pe-2 ps-4">
        <span className="brand">
          <img src={logo} alt="" width="26" height="26" />
          Tsunicorn
        </span>
        <button
          type="button"
          className="icon-button"
          aria-label={props.hideLabel}
          title={props.hideLabel}
          onClick={props.onHide}
        >
          <Icon name={props.onOpen === undefined ? "sidebar" : "close"} />
        </button>
      </div>
      <div className="px-2 pb-2">
        <ThreadListPrimitive.New className="side-item font-medium" onClick={props.onOpen}>
          <Icon name="newChat" className="size-[1.15rem] text-accent" />
          New chat
        </ThreadListPrimitive.New>
      </div>
      <nav className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-2 pb-2" aria-label="Conversations">
        <h2 className="side-title">Conversations</h2>
        <AuiIf condition={(s) => !s.threads.isLoading && s.threads.threadIds.length === 0}>
          <p className="px-3 py-1 text-sm text-muted">They will be listed here.</p>
        </AuiIf>
        <ThreadListPrimitive.Items>
          {() => <ConversationItem onOpen={props.onOpen} />}
        </ThreadListPrimitive.Items>
        <AuiIf condition={(s) => s.threads.hasMore}>
          <button type="button" className="side-item text-muted" onClick={() => aui.threads.loadMore()}>
            Show older ones
          </button>
        </AuiIf>
      </nav>
      <div className="flex flex-none items-center justify-between gap-2 border-t border-line px-3 py-2.5">
        <ThemeChoice />
        <a className="side-link" href="docs">
          <Icon name="api" className="size-4" />
          API docs
        </a>
      </div>
    </ThreadListPrimitive.Root>
  );
}
