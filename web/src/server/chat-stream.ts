import { ChatFailure, failureOfEvent, refusalOf, requestIdOf } from "./chat-error.ts";
import { readChatEvent } from "./chat-events.ts";
import { type ChatServer, chatServer, request } from "./chat-server.ts";
import { readEvents } from "./event-reader.ts";
import { reconnect, type Tries } from "./reconnect.ts";
import type { SseEvent } from "./sse.ts";
import { stopAnswer } from "./stop-answer.ts";

/** A message before the question. */
export interface Turn {
  readonly role: "user" | "assistant" | "system";
  readonly content: string;
}

/** What is asked. */
export interface Question {
  readonly prompt: string;
  readonly thinking: boolean;
  readonly messages: readonly Turn[];
  /** Only where the user chose one. */
  readonly model?: string;
}

/** What happens to an answer, in order. A generator of these ends when the answer is whole. */
export type ChatUpdate =
  /** The answer can be continued under this id from now on. */
  | { readonly type: "stream"; readonly id: string }
  /** The tokens that arrived together. */
  | { readonly type: "tokens"; readonly tokens: readonly string[] }
  | { readonly type: "queued"; readonly place: number }
  | { readonly type: "connection"; readonly lost: boolean }
  /** It was stopped in another tab or on the server. Nothing follows. */
  | { readonly type: "stopped" };

/** A reason to abort with: the page stops reading, and the answer goes on without it. */
export const LEAVE = Symbol("leave");

/** Headers come once the answer is queued or runs; from an older server with the first token. */
const HEADERS_MS = 120_000;
/** The server sends a comment each 15 s until the first token, so this much silence is a dead connection. */
const SILENCE_MS = 45_000;

const CUT_OFF = "The connection ended before the answer did.";

interface Position {
  /** Undefined where the server cannot continue answers. */
  readonly streamId: string | undefined;
  /** The number of the last token that was passed on. */
  last: number;
}

/**
 * Asks, and yields what happens to the answer. A lost connection is got back where the server can continue the
 * answer: the tokens come whole and once. The signal stops the answer on the server too, unless its reason is
 * {@link LEAVE}.
 * @throws ChatFailure where there is no answer, or it does not end as it should; the signal's reason on abort
 */
export async function* askChat(
  question: Question,
  signal: AbortSignal,
  server: ChatServer = chatServer,
): AsyncGenerator<ChatUpdate, void, void> {
  const response = await request(server, "chat", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify({ ...question, resumable: true }),
    signal,
    headersWithinMs: HEADERS_MS,
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new ChatFailure("gone", "The server cannot be reached. Is it running?", { cause: error });
  });
  if (!response.ok || response.body === null) throw await refusalOf(response);
  const streamId = response.headers.get("x-stream-id") ?? undefined;
  yield* follow({ streamId, last: 0 }, response, signal, server);
}

/**
 * Yields what happens to an answer that was asked for before, from its first token.
 * @throws as {@link askChat}
 */
export async function* resumeChat(
  streamId: string,
  signal: AbortSignal,
  server: ChatServer = chatServer,
): AsyncGenerator<ChatUpdate, void, void> {
  yield* follow({ streamId, last: 0 }, undefined, signal, server);
}

async function* follow(
  position: Position,
  first: Response | undefined,
  signal: AbortSignal,
  server: ChatServer,
): AsyncGenerator<ChatUpdate, void, void> {
  const { streamId } = position;
  const onAbort = (): void => {
    if (streamId !== undefined && signal.reason !== LEAVE) void stopAnswer(streamId, server);
  };
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    if (streamId !== undefined) yield { type: "stream", id: streamId };
    let response = first;
    // Tries since the last token, so that a server which breaks off at once is not asked without a pause.
    let tries: Tries = { count: 0, spent: 0 };
    for (;;) {
      if (response === undefined) {
        if (streamId === undefined) throw new ChatFailure("broken", CUT_OFF);
        yield { type: "connection", lost: true };
        const back = await reconnect(streamId, position.last, tries, signal, server);
        if (back === "stopped") return yield { type: "stopped" };
        response = back;
        yield { type: "connection", lost: false };
      }
      const before = position.last;
      const end = yield* readAnswer(response, position, signal);
      if (end === "stopped") yield { type: "stopped" };
      if (end !== "lost") return;
      if (streamId === undefined) {
        throw new ChatFailure("broken", CUT_OFF, { requestId: requestIdOf(response) });
      }
      if (position.last > before) tries = { count: 0, spent: 0 };
      tries.count++;
      response = undefined;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Reads one response to its end. @returns how it ended */
async function* readAnswer(
  response: Response,
  position: Position,
  signal: AbortSignal,
): AsyncGenerator<ChatUpdate, "whole" | "stopped" | "lost", void> {
  if (response.body === null) return "lost";
  const requestId = requestIdOf(response);
  const silenceMs = position.streamId === undefined ? Number.POSITIVE_INFINITY : SILENCE_MS;
  for await (const events of readEvents(response.body, silenceMs, signal)) {
    const { tokens, rest } = takeTokens(events, position);
    if (tokens.length > 0) yield { type: "tokens", tokens };
    for (const event of rest) {
      if (event.type === "queued") yield event;
      else if (event.type === "done") return "whole";
      else if (event.error === "cancelled") return "stopped";
      else throw failureOfEvent(event, requestId);
    }
  }
  return "lost";
}

type OtherEvent = Exclude<NonNullable<ReturnType<typeof readChatEvent>>, { type: "token" }>;

/** Splits the tokens that are new from the other events. What follows tokens in one piece comes after them. */
function takeTokens(
  events: readonly SseEvent[],
  position: Position,
): { tokens: string[]; rest: OtherEvent[] } {
  const tokens: string[] = [];
  const rest: OtherEvent[] = [];
  for (const raw of events) {
    const event = readChatEvent(raw);
    if (event === undefined) continue;
    if (event.type !== "token") {
      rest.push(event);
      continue;
    }
    if (event.number !== undefined) {
      if (event.number <= position.last) continue;
      position.last = event.number;
    }
    tokens.push(event.token);
  }
  return { tokens, rest };
}
