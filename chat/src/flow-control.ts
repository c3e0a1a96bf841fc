import type { ServerResponse } from "node:http";

/** The reason of a run's abort when its client has left. */
export const CLIENT_GONE = new Error("the client closed its connection");

/**
 * A signal that is aborted, with {@link CLIENT_GONE}, when a response's connection closes. It is aborted too
 * after the response has ended, when it has no listener any more.
 */
export function whenClientGone(raw: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (raw.closed) controller.abort(CLIENT_GONE);
  else raw.on("close", () => controller.abort(CLIENT_GONE));
  return controller.signal;
}

/**
 * Waits, after a `write` that returned false, until the response takes more, or never will: it has closed, or
 * `signal` is aborted. Waiting for the drain alone would wait for ever where a stalled client leaves.
 */
export function drained(raw: ServerResponse, signal: AbortSignal): Promise<void> {
  if (raw.closed || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = () => {
      raw.off("drain", settle).off("close", settle);
      signal.removeEventListener("abort", settle);
      resolve();
    };
    raw.on("drain", settle).on("close", settle);
    signal.addEventListener("abort", settle);
  });
}
