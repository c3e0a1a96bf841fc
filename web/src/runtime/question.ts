import type { ThreadMessage } from "@assistant-ui/react";
import type { Question, Turn } from "../server/chat-stream.ts";

/** The most messages that the server takes before a question. */
export const MAX_TURNS = 200;
/** The most characters that the server takes in one message. */
export const MAX_TURN_LENGTH = 100_000;
/** The most characters of all messages: as UTF-8 within JSON they then stay below the server's 1 MiB. */
export const MAX_HISTORY_LENGTH = 250_000;

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
  return {
    prompt: sendable(plainText(question)),
    thinking,
    messages: boundTurns(messages.slice(0, at).flatMap(turnOf)),
    ...(model !== undefined && { model }),
  };
}

/** The text of a message: not its thinking phase. */
export function plainText({ content }: Pick<ThreadMessage, "content">): string {
  let text = "";
  for (const part of content) if (part.type === "text") text += part.text;
  return text;
}

/** The last turns that the server takes. */
export function boundTurns(turns: readonly Turn[]): Turn[] {
  const kept: Turn[] = [];
  let length = 0;
  for (const turn of turns.slice(-MAX_TURNS).reverse()) {
    const content = sendable(turn.content.slice(0, MAX_TURN_LENGTH));
    length += content.length;
    if (length > MAX_HISTORY_LENGTH) break;
    kept.push({ role: turn.role, content });
  }
  return kept.reverse();
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
