import { type SseEvent, SseParser } from "./sse.ts";
import { letOthersGo } from "./wait.ts";

/** So long a stream is read at a stretch where it comes faster than that: a frame must still fit beside it. */
const STRETCH_MS = 8;

/**
 * Reads a response's events, those that arrived together in one piece. Ends where the stream ends or breaks, and
 * where it stays silent for too long; leaving the loop ends the response. What is there already is read in stretches,
 * between which the page goes on with the rest of its work: the steps of a promise alone would leave it no time.
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
  let since = performance.now();
  try {
    for (;;) {
      signal.throwIfAborted();
      const asked = performance.now();
      const timer = Number.isFinite(silenceMs) ? setTimeout(giveUp, silenceMs) : undefined;
      const piece = await reader.read().catch(() => undefined);
      clearTimeout(timer);
      signal.throwIfAborted();
      if (piece === undefined || piece.done) return;
      const came = performance.now();
      // It had to be waited for.
      if (came - asked > 1) since = came;
      yield parser.push(piece.value);
      if (performance.now() - since < STRETCH_MS) continue;
      await letOthersGo();
      since = performance.now();
    }
  } finally {
    signal.removeEventListener("abort", giveUp);
    giveUp();
  }
}
