import { ChatFailure, requestIdOf } from "./chat-error.ts";
import { type ChatServer, request } from "./chat-server.ts";
import { member } from "./json.ts";
import { streamAddress } from "./stop-answer.ts";
import { backoff, pause } from "./wait.ts";

/** The longest time to try for. A page that slept meanwhile has not tried, so its waits count as planned. */
const TRY_FOR_MS = 90_000;
const HEADERS_MS = 10_000;

const GONE = new Set([404, 410]);

/** The tries to get back to an answer since it last went on. */
export interface Tries {
  count: number;
  /** ms spent on them */
  spent: number;
}

/**
 * Gets back to an answer after token number `after`, as long as it may still be there.
 * @param tries the tries before; goes up with each, and sets how long to wait and when to give up
 * @returns the response, or "stopped" where another client ended the answer
 * @throws ChatFailure where the answer is gone or the server stays away; the signal's reason on abort
 */
export async function reconnect(
  streamId: string,
  after: number,
  tries: Tries,
  signal: AbortSignal,
  server: ChatServer,
): Promise<Response | "stopped"> {
  for (;;) {
    if (tries.spent > TRY_FOR_MS) {
      throw new ChatFailure("gone", "The connection was lost, and the server could not be reached again.");
    }
    if (tries.count > 0) {
      const wait = backoff(tries.count - 1);
      await pause(wait, signal, server.wake);
      tries.spent += wait;
    }
    const started = performance.now();
    const response = await request(server, streamAddress(streamId), {
      headers: { accept: "text/event-stream", "last-event-id": String(after) },
      signal,
      headersWithinMs: HEADERS_MS,
    }).catch(() => undefined);
    signal.throwIfAborted();
    tries.spent += Math.min(performance.now() - started, HEADERS_MS);
    if (response?.ok === true && response.body !== null) return response;
    if (response !== undefined && isGone(response)) return await ended(response);
    tries.count++;
  }
}

/** Whether the server says that it has the answer no more. A proxy that has lost its server may say 404 too. */
function isGone(response: Response): boolean {
  return GONE.has(response.status) && requestIdOf(response) !== undefined;
}

/** What the server says of an answer that was stopped. */
const CANCELLED = "The answer was cancelled.";

async function ended(response: Response): Promise<"stopped"> {
  const body: unknown = await response.json().catch(() => undefined);
  if (member(body, "detail") === CANCELLED) return "stopped";
  throw new ChatFailure(
    "broken",
    "The connection was lost, and the rest of this answer is no longer there.",
    {
      requestId: requestIdOf(response),
    },
  );
}
