import { once } from "node:events";
import { type ServerResponse, STATUS_CODES } from "node:http";
import { DirtyError, getLogger } from "tsunicorn";

/** A stream of a dirty app, as `dirty<App>().action()` gives it. */
interface Stream {
  batches(): AsyncIterable<string[]>;
}

/**
 * Sends a stream as server-sent events: each chunk as one `data:` line of JSON, then `event: end`. The stream ends when
 * the client leaves, and waits while the client reads too slowly.
 *
 * The headers go out with the first chunk, so that a failure before it can still be a status; a later one is
 * `event: failure`.
 * @param open makes the call, with a signal that is aborted when the client leaves.
 * @throws whatever the call fails with before its first chunk.
 */
export async function sendEvents(
  response: ServerResponse,
  open: (left: AbortSignal) => Stream,
): Promise<void> {
  const left = new AbortController();
  response.on("close", () => left.abort());
  const start = () => {
    if (response.headersSent) return;
    // What compresses on the way, a proxy or middleware, leaves no-transform alone; it would hold events back.
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
    });
  };
  try {
    // All chunks that came together leave in one write.
    for await (const chunks of open(left.signal).batches()) {
      start();
      const events = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
      if (!response.write(events.join(""))) await once(response, "drain", { signal: left.signal });
    }
    start();
    response.end("event: end\ndata: {}\n\n");
  } catch (error) {
    if (left.signal.aborted) return; // the client has left
    if (!response.headersSent) throw error;
    const status = error instanceof DirtyError ? error.statusCode : 500;
    if (status === 500) getLogger().error({ err: error }, "a stream failed");
    response.end(`event: failure\ndata: ${JSON.stringify({ detail: STATUS_CODES[status] })}\n\n`);
  }
}
