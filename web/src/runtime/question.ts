import type { ThreadMessage } from "@assistant-ui/react";
import type { Question, Turn } from "../server/chat-stream.ts";

/** The most messages that the server takes before a question. */
export const MAX_TURNS = 200;
/** The most characters that the server takes in one message. */
export const MAX_TURN_LENGTH = 100_000;
/** The most characters of all messages. */
export const MAX_HISTORY_LENGTH = 250_000;
/** The most bytes that the question and all messages take as UTF-8 within JSON: the server's 1 MiB, less what is around them. */
export const MAX_BYTES = 1024 * 1024 - 32 * 1024;

/**
 * The question that a branch ends with, and what was said before it. What is too much for the server is left
 * out from the beginning on.
 * @param messages from the first to the question
 * @returns undefined where nothing is asked
 */
export function questionOf(
  messages: readonly ThreadMessage[],
  { thinking, model }: { readonly thinking: boolean; readonly model?: string | undefined },
): Question | undefined {
  const at = messages.findLastIndex(({ role }) => role === "user");
  const question = messages[at];
  if (question === undefined) return undefined;
  const prompt = sendable(plainText(question));
  return {
    prompt,
    thinking,
    messages: boundTurns(messages.slice(0, at).flatMap(turnOf), bytesOf(prompt)),
    ...(model !== undefined && { model }),
  };
}

/** The text of a message: not its thinking phase. */
export function plainText({ content }: Pick<ThreadMessage, "content">): string {
  let text = "";
  for (const part of content) if (part.type === "text") text += part.text;
  return text;
}

/**
 * The last turns that the server takes.
 * @param spent the bytes of what is sent beside them
 */
export function boundTurns(turns: readonly Turn[], spent = 0): Turn[] {
  const kept: Turn[] = [];
  let length = 0;
  let bytes = spent;
  for (const turn of turns.slice(-MAX_TURNS).reverse()) {
    const content = sendable(turn.content.slice(0, MAX_TURN_LENGTH));
    length += content.length;
    bytes += bytesOf(content);
    if (length > MAX_HISTORY_LENGTH || bytes > MAX_BYTES) break;
    kept.push({ role: turn.role, content });
  }
  return kept.reverse();
}

/** What a text takes in the body of a request. */
function bytesOf(text: string): number {
  return new TextEncoder().encode(JSON.stringify(text)).length;
}

/** A text without half characters, which UTF-8 cannot carry: one of them would make the server refuse them all. */
function sendable(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** A message as the server takes it; none for an answer that failed or is empty. */
function turnOf(message: ThreadMessage): Turn[] {
  const content = plainText(message);
  if (content.trim() === "") return [];
  if (message.status?.type === "incomplete" && message.status.reason === "error") return [];
  return [{ role: message.role, content }];
}
