import {
  type AssistantRuntime,
  useAui,
  useLocalRuntime,
  useRemoteThreadListRuntime,
} from "@assistant-ui/react";
import { useEffect, useState, useSyncExternalStore } from "react";
import { LEAVE } from "../server/chat-stream.ts";
import { chatStore } from "../store/chat-store.ts";
import { createChatModel, resumeAnswer } from "./chat-model.ts";
import { createHistory } from "./history.ts";
import { readLeftAnswers } from "./left-answers.ts";
import {
  forgetConversation,
  onShownConversation,
  showConversation,
  shownConversation,
} from "./shown-conversation.ts";
import { createThreadList } from "./thread-list.ts";
import { ThreadSession } from "./thread-session.ts";

const threadList = createThreadList(chatStore, forgetConversation);
/** One list is read for changes that come together. */
const RELOAD_MS = 100;

/** The page's one runtime: its conversations, the one that is shown, and the answers that come. */
export function useChatRuntime(): AssistantRuntime {
  const threadId = useSyncExternalStore(onShownConversation, shownConversation);
  const runtime = useRemoteThreadListRuntime({
    runtimeHook: useConversation,
    adapter: threadList,
    threadId,
    onThreadIdChange: showConversation,
  });
  useStoredChanges(runtime);
  useLeftAnswers();
  return runtime;
}

/** The runtime of one conversation. */
function useConversation(): AssistantRuntime {
  const aui = useAui();
  const [{ session, chatModel, history }] = useState(() => {
    // Remembered, for assistant-ui knows nothing of a thread that was deleted while its answer came.
    let begun: string | undefined;
    const session = new ThreadSession(
      {
        known: () => aui.threadListItem.getState().remoteId,
        begun: async () => {
          begun ??= (await aui.threadListItem.initialize()).remoteId;
          return begun;
        },
      },
      chatStore,
    );
    return { session, chatModel: createChatModel(session), history: createHistory(session) };
  });
  const runtime = useLocalRuntime(chatModel, { adapters: { history } });
  useResume(runtime, session);
  useShownBranch(runtime, session);
  return runtime;
}

/** Reads the answer that an earlier page left, once the history is there. */
function useResume(runtime: AssistantRuntime, session: ThreadSession): void {
  useEffect(() => {
    const resume = (): void => {
      const pending = session.toResume;
      if (pending === undefined || runtime.thread.getState().isLoading) return;
      session.toResume = undefined;
      const { parentId } = pending;
      runtime.thread.resumeRun({ parentId, sourceId: null, stream: resumeAnswer(session, pending) });
    };
    resume();
    return runtime.thread.subscribe(resume);
  }, [runtime, session]);
}

/** Notes which branch is shown, so that a reload shows the same. */
function useShownBranch(runtime: AssistantRuntime, session: ThreadSession): void {
  useEffect(() => {
    let shown: string | undefined;
    return runtime.thread.subscribe(() => {
      const { messages, isRunning, isLoading } = runtime.thread.getState();
      const head = messages.at(-1)?.id;
      const id = session.identity.known();
      if (isRunning || isLoading || head === undefined || head === shown || id === undefined) return;
      shown = head;
      void chatStore.conversations.change(id, { headId: session.keptId(head) }).catch(console.warn);
    });
  }, [runtime, session]);
}

/** Has the answers read that earlier pages left in other conversations. */
function useLeftAnswers(): void {
  useEffect(() => {
    const reading = new AbortController();
    void readLeftAnswers(chatStore, shownConversation(), reading.signal);
    return () => reading.abort(LEAVE);
  }, []);
}

/** Follows what this page and other tabs write: the list shows it, and a deleted conversation is left. */
function useStoredChanges(runtime: AssistantRuntime): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = chatStore.storage.onChange(({ type, conversationId }) => {
      // Left in this page, what another tab deleted could be opened again by Back, and nothing said in it would be
      // kept. Where this page deleted it, it is not found.
      if (type === "deleted") {
        const here = async () => runtime.threads.getItemById(conversationId).delete();
        here().catch(() => undefined);
      }
      clearTimeout(timer);
      timer = setTimeout(() => void runtime.threads.reload(), RELOAD_MS);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [runtime]);
}
