import { AssistantRuntimeProvider, ThreadListPrimitive } from "@assistant-ui/react";
import { type JSX, useState } from "react";
import { setPreferences, usePreferences } from "./preferences.ts";
import { useChatRuntime } from "./runtime/use-chat-runtime.ts";
import { Sidebar } from "./sidebar/sidebar.tsx";
import { Thread } from "./thread/thread.tsx";
import { Dialog } from "./ui/dialog.tsx";
import { Icon } from "./ui/icons.tsx";
import { PageTitle } from "./ui/page-title.tsx";
import { ServerBanner } from "./ui/server-banner.tsx";
import { NARROW, useMedia } from "./ui/use-media.ts";

/** The page: the conversations beside the one that is open; on a phone, in a drawer. */
export function App(): JSX.Element {
  const runtime = useChatRuntime();
  const narrow = useMedia(NARROW);
  const { sidebar } = usePreferences();
  const setShown = (shown: boolean): void => setPreferences({ sidebar: shown });
  const [drawer, setDrawer] = useState(false);
  const closeDrawer = (): void => setDrawer(false);
  const beside = sidebar && !narrow;

  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <PageTitle />
      <a className="skip" href="#prompt">
        Skip to the message
      </a>
      {beside && (
        <aside className="sidebar" aria-label="Sidebar">
          <Sidebar hideLabel="Hide the sidebar" onHide={() => setShown(false)} />
        </aside>
      )}
      <Dialog open={drawer && narrow} label="Conversations" className="drawer" onClose={closeDrawer}>
        <Sidebar hideLabel="Close" onHide={closeDrawer} onOpen={closeDrawer} />
      </Dialog>
      <main className="flex min-h-0 min-w-0 flex-1 flex-col">
        <h1 className="sr-only">Tsunicorn chat</h1>
        {!beside && (
          <header className="flex h-14 flex-none items-center gap-1 px-2">
            <button
              type="button"
              className="icon-button"
              aria-label={narrow ? "Open the conversations" : "Show the sidebar"}
              title={narrow ? "Conversations" : "Show the sidebar"}
              onClick={() => (narrow ? setDrawer(true) : setShown(true))}
            >
              <Icon name="sidebar" />
            </button>
            <ThreadListPrimitive.New
              className="icon-button max-md:order-last"
              aria-label="New chat"
              title="New chat"
            >
              <Icon name="newChat" />
            </ThreadListPrimitive.New>
            <span className="brand px-1 max-md:flex-1 max-md:justify-center">Tsunicorn</span>
          </header>
        )}
        <ServerBanner />
        <Thread />
      </main>
    </AssistantRuntimeProvider>
  );
}
