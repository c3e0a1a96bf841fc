import type { ServerResponse } from "node:http";
import { KEEP_ALIVE_COMMENT } from "./sse.ts";

/** Milliseconds between two comments. Many a proxy closes a connection that is silent for 30 s or 60 s. */
export const KEEP_ALIVE_MS = 15_000;

const silent = new Set<ServerResponse>();
let timer: NodeJS.Timeout | undefined;

/**
 * Sends a comment on an event stream that has nothing else to send yet, at least every {@link KEEP_ALIVE_MS}.
 * All such streams share one timer, which is there only while there are any.
 *
 * @param raw a response whose headers are out.
 * @returns ends it. Must be called, once the first event is there or the stream is over; again does no harm.
 */
export function keepAlive(raw: ServerResponse): () => void {
  silent.add(raw);
  timer ??= setInterval(sendComments, KEEP_ALIVE_MS);
  return () => {
    silent.delete(raw);
    if (silent.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function sendComments(): void {
  for (const raw of silent) raw.write(KEEP_ALIVE_COMMENT);
}
