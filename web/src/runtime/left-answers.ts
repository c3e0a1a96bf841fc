import { ChatFailure } from "../server/chat-error.ts";
import { type ChatServer, chatServer } from "../server/chat-server.ts";
import { resumeChat } from "../server/chat-stream.ts";
import type { ChatStore } from "../store/chat-store.ts";
import type { PendingAnswer } from "../store/pending-answers.ts";
import { Answer } from "./answer.ts";
import { newId } from "./new-id.ts";
import { fromStored, toStored } from "./stored-message.ts";

/**
 * Reads the answers that an earlier page left in conversations that are not shown, and keeps them: without a reader
 * the server would soon stop them. Never throws.
 * @param shown the conversation that is shown, whose thread reads its own
 * @param signal leaves them to the next page
 */
export async function readLeftAnswers(
  store: ChatStore,
  shown: string | undefined,
  signal: AbortSignal,
  server: ChatServer = chatServer,
): Promise<void> {
  const left = await store.pending.list().catch(() => []);
  const others = left.filter(({ conversationId }) => conversationId !== shown);
  await Promise.allSettled(others.map((pending) => readAndKeep(store, pending, signal, server)));
}

async function readAndKeep(
  store: ChatStore,
  pending: PendingAnswer,
  signal: AbortSignal,
  server: ChatServer,
): Promise<void> {
  const { streamId, conversationId, parentId, startedAt, thinking, model } = pending;
  const questions = await store.messages.list(conversationId);
  if (!questions.some(({ id }) => id === parentId)) return;
  const answer = new Answer({ thinking, model, replayed: true });
  try {
    for await (const update of resumeChat(streamId, signal, server)) answer.take(update);
  } catch (error) {
    // Where the server cannot be reached, the next page may find it. Any other end is kept with its reason, or each
    // page would ask for an answer that is gone.
    if (signal.aborted || (error instanceof ChatFailure && error.kind === "gone")) return;
    answer.fail(error);
  }
  const { content = [], status, metadata } = answer.result(true);
  const base = fromStored({ id: newId(), parentId, role: "assistant", createdAt: startedAt, parts: [] });
  if (base.role !== "assistant") return;
  const message = {
    ...base,
    content,
    status: status ?? base.status,
    metadata: { ...base.metadata, custom: { ...metadata?.custom } },
  };
  const stored = toStored(message, parentId, streamId);
  if (stored !== undefined) await store.messages.add(conversationId, stored);
}
