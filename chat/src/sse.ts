/** The last line of a stream that ended well. Its absence tells a client that the answer was cut short. */
export const DONE_EVENT = "data: [DONE]\n\n";

/** The headers of every event stream. */
export const SSE_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  // A proxy or middleware that compresses would collect tokens; RFC 9111 has it leave alone what says no-transform.
  "cache-control": "no-cache, no-transform",
  // nginx would otherwise collect the tokens and send them in one piece.
  "x-accel-buffering": "no",
} as const;

/** One token as an event: `data: {"token": "…"}` and an empty line, spaced as Python's json.dumps would. */
export function tokenEvent(token: string): string {
  return `data: {"token": ${JSON.stringify(token)}}\n\n`;
}

/**
 * The tokens of a resumable answer as events: each has an `id:` line with its number, counted from 1, by which
 * a client says how far it has read.
 *
 * @param after how many tokens came before. One that has no text is counted, and is not an event.
 */
export function numberedTokenEvents(after: number): (token: string | undefined) => string {
  let number = after;
  return (token) => {
    number++;
    return token === undefined ? "" : `id: ${number}\n${tokenEvent(token)}`;
  };
}

/** A comment, which clients ignore. It shows them, and the proxies between, that the connection is in use. */
export const KEEP_ALIVE_COMMENT = ": keep-alive\n\n";

/**
 * The place of a resumable answer that waits, 1 for the next one, as an event of another type: clients that do not
 * listen for it, `EventSource` too, let it pass.
 */
export function queuedEvent(position: number): string {
  return `event: queued\ndata: {"position": ${position}}\n\n`;
}

/** A failure in mid-stream as an event. `type` and `message` are the fixed texts that clients may see. */
export function errorEvent({ type, message }: { type: string; message: string }): string {
  return `data: ${JSON.stringify({ error: { type, message } })}\n\n`;
}
