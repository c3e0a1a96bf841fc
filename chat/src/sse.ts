/** The last line of a stream that ended well. Its absence tells a client that the answer was cut short. */
export const DONE_EVENT = "data: [DONE]\n\n";

/** The headers of every event stream. */
export const SSE_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // nginx would otherwise collect the tokens and send them in one piece.
  "x-accel-buffering": "no",
} as const;

/** One token as an event: `data: {"token": "…"}` and an empty line, spaced as Python's json.dumps would. */
export function tokenEvent(token: string): string {
  return `data: {"token": ${JSON.stringify(token)}}\n\n`;
}

/** A failure in mid-stream as an event. `type` and `message` are the fixed texts that clients may see. */
export function errorEvent({ type, message }: { type: string; message: string }): string {
  return `data: ${JSON.stringify({ error: { type, message } })}\n\n`;
}
