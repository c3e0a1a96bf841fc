import type { RemoteThreadListAdapter, ThreadMessage } from "@assistant-ui/react";
import { stopAnswer } from "../server/stop-answer.ts";
import type { ChatStore } from "../store/chat-store.ts";
import type { Conversation } from "../store/conversations.ts";
import { titleOf } from "../store/title.ts";
import { newId } from "./new-id.ts";
import { plainText } from "./question.ts";

type Thread = Awaited<ReturnType<RemoteThreadListAdapter["fetch"]>>;
type TitleStream = Awaited<ReturnType<RemoteThreadListAdapter["generateTitle"]>>;

/** Conversations that are listed at once: each costs time with every change of the page. */
export const PAGE = 50;

/**
 * The conversations as assistant-ui's list of threads, a page more of them each time that it asks for what comes after.
 * @param onMissing a conversation was asked for that is not there, for instance by an old link
 */
export function createThreadList(
  { conversations, pending }: ChatStore,
  onMissing: (id: string) => void,
): RemoteThreadListAdapter {
  // The list is also read anew, for what other tabs do: that must not take away what was asked for.
  let listed = PAGE;
  return {
    list: async ({ after } = {}) => {
      const from = after === undefined ? 0 : listed;
      if (after !== undefined) listed += PAGE;
      const all = await conversations.list();
      const nextCursor = all.length > listed ? String(listed) : undefined;
      return { threads: all.slice(from, listed).map(toThread), ...(nextCursor && { nextCursor }) };
    },
    initialize: async () => {
      const remoteId = newId();
      await conversations.begin(remoteId);
      return { remoteId, externalId: undefined };
    },
    rename: (id, title) => conversations.change(id, { title }),
    archive: (id) => conversations.change(id, { archived: true }),
    unarchive: (id) => conversations.change(id, { archived: false }),
    delete: async (id) => {
      for (const { streamId } of await pending.list(id)) void stopAnswer(streamId);
      await conversations.delete(id);
    },
    fetch: async (id) => {
      const conversation = await conversations.get(id);
      if (conversation !== undefined) return toThread(conversation);
      onMissing(id);
      throw new Error(`There is no conversation ${id} in this browser.`);
    },
    generateTitle: async (id, messages) => {
      const title = (await conversations.get(id))?.title ?? firstTitle(messages);
      if (title !== "") await conversations.change(id, { title });
      return textStream(title);
    },
  };
}

function toThread({ id, title, archived, lastMessageAt }: Conversation): Thread {
  return {
    remoteId: id,
    status: archived === true ? "archived" : "regular",
    title,
    lastMessageAt: new Date(lastMessageAt),
  };
}

function firstTitle(messages: readonly ThreadMessage[]): string {
  const question = messages.find(({ role }) => role === "user");
  return question === undefined ? "" : titleOf(plainText(question));
}

/** A text in the form in which assistant-ui takes titles. */
function textStream(text: string): TitleStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue({ type: "part-start", part: { type: "text" }, path: [] });
      controller.enqueue({ type: "text-delta", textDelta: text, path: [0] });
      controller.enqueue({ type: "part-finish", path: [0] });
      controller.close();
    },
  });
}
