import { type SseEvent, SseParser } from "./sse.ts";

/**
 * Reads a response's events, those that arrived together in one piece. Ends where the stream ends or breaks, and
 * where it stays silent for too long; leaving the loop ends the response.
 * @param silenceMs the longest time without a byte; comments count as signs of life
 * @throws the signal's reason on abort; RangeError for an event without an end
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  silenceMs: number,
  signal: AbortSignal,
): AsyncGenerator<SseEvent[], void, void> {
  const parser = new SseParser();
  const reader = body.getReader();
  // A read that waits then ends as if the stream had.
  const giveUp = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", giveUp);
  try {
    for (;;) {
      signal.throwIfAborted();
      const timer = Number.isFinite(silenceMs) ? setTimeout(giveUp, silenceMs) : undefined;
      const piece = await reader.read().catch(() => undefined);
      clearTimeout(timer);
      signal.throwIfAborted();
      if (piece === undefined || piece.done) return;
      yield parser.push(piece.value);
    }
  } finally {
    signal.removeEventListener("abort", giveUp);
    giveUp();
  }
}
