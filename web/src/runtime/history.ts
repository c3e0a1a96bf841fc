import type { ThreadHistoryAdapter, ThreadMessage } from "@assistant-ui/react";
import { leafOf, type StoredMessage } from "../store/messages.ts";
import type { PendingAnswer } from "../store/pending-answers.ts";
import { fromStored, toStored } from "./stored-message.ts";
import type { ThreadSession } from "./thread-session.ts";

type Repository = Awaited<ReturnType<ThreadHistoryAdapter["load"]>>;
type Item = Parameters<ThreadHistoryAdapter["append"]>[0];

const LOST = "The page was closed before this answer was there.";

/** Keeps the messages of a thread in the browser. Never throws: the storage tells what could not be kept. */
export function createHistory(session: ThreadSession): ThreadHistoryAdapter {
  return {
    load: () => load(session),
    append: (item) =>
      append(session, item).catch((error: unknown) => console.warn("A message could not be kept.", error)),
  };
}

async function append(session: ThreadSession, { message, parentId }: Item): Promise<void> {
  if (session.isLeft(message.id)) return;
  const stored = toStored(message, session.keptId(parentId), await session.streamOf(message.id));
  if (stored === undefined) return;
  const conversationId = await session.identity.begun();
  await session.store.conversations.writeBegun(conversationId);
  session.keepAs(message.id, await session.store.messages.add(conversationId, stored));
}

/**
 * All branches, the one that was shown last on top. An answer that is still to be read is left to
 * {@link ThreadSession.toResume}: assistant-ui's own way to resume would drop the question's other answers.
 */
async function load(session: ThreadSession): Promise<Repository> {
  const conversationId = session.identity.known();
  if (conversationId === undefined) return { messages: [] };
  const { conversations, messages, pending } = session.store;
  const [conversation, stored, answers] = await Promise.all([
    conversations.get(conversationId),
    messages.list(conversationId),
    pending.list(conversationId),
  ]);
  session.toResume = await stillToRead(session, answers, stored);

  const last = stored.find(({ id }) => id === conversation?.headId) ?? stored.at(-1);
  if (last === undefined) return { messages: [] };
  const headId = leafOf(stored, last.id);
  const items = stored.map((one) => ({ message: fromStored(one), parentId: one.parentId }));
  const head = items.find(({ message }) => message.id === headId)?.message;
  if (head?.role !== "user" || session.toResume?.parentId === headId) return { headId, messages: items };

  const lost = lostAnswer(head);
  // What is said next follows the question: this answer is not kept.
  session.keepAs(lost.id, headId);
  return { headId: lost.id, messages: [...items, { message: lost, parentId: headId }] };
}

/** The newest answer that is not kept yet. The others are forgotten where they are kept, or their question is gone. */
async function stillToRead(
  session: ThreadSession,
  answers: readonly PendingAnswer[],
  stored: readonly StoredMessage[],
): Promise<PendingAnswer | undefined> {
  const isOpen = ({ streamId, parentId }: PendingAnswer): boolean =>
    stored.some(({ id }) => id === parentId) && !stored.some((message) => message.streamId === streamId);
  for (const answer of answers) {
    if (!isOpen(answer)) await session.store.pending.delete(answer.streamId);
  }
  return answers.find(isOpen);
}

/** Stands for an answer of which nothing is known but its question, so that it can be asked for again. */
function lostAnswer(question: ThreadMessage): ThreadMessage {
  return fromStored({
    id: `lost-${question.id}`,
    parentId: question.id,
    role: "assistant",
    createdAt: question.createdAt.getTime() + 1,
    parts: [],
    ending: "error",
    facts: { failure: { kind: "broken", message: LOST } },
  });
}
