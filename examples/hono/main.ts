import { STATUS_CODES } from "node:http";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { streamSSE } from "hono/streaming";
import { DirtyError, dirty, getLogger } from "tsunicorn";
import type { StoryApp } from "./story-app.ts";

const stories = dirty<StoryApp>("./story-app.ts:StoryApp");

const app = new Hono();

app.get("/health", (c) => c.json({ status: "ok" }));

const upTo16KiB = bodyLimit({
  maxSize: 16 * 1024,
  onError: (c) => c.json({ detail: "the body is larger than 16 KiB" }, 413),
});

app.post("/stories", upTo16KiB, async (c) => {
  const about = readAbout(await c.req.json());
  if (about === undefined) return c.json({ detail: '"about" must be a text of 1 to 100 characters' }, 400);

  const { signal } = c.req.raw; // aborted when the client leaves
  const story = stories.with({ signal }).tell(about)[Symbol.asyncIterator]();
  // What fails before the first word can still be a status; the headers go out with streamSSE().
  let word = await story.next();
  const response = streamSSE(c, async (events) => {
    try {
      // Each write waits while the client reads too slowly, and the story waits with it.
      for (; !word.done; word = await story.next())
        await events.writeSSE({ data: JSON.stringify(word.value) });
      await events.writeSSE({ event: "end", data: "{}" });
    } catch (error) {
      if (signal.aborted) return; // the client has left
      await events.writeSSE({ event: "failure", data: JSON.stringify({ detail: failureOf(error).detail }) });
    }
  });
  // What compresses on the way, a proxy or middleware, leaves this alone; it would hold events back.
  response.headers.set("cache-control", "no-cache, no-transform");
  return response;
});

app.get("/titles/:about", async (c) => c.json({ title: await stories.title(c.req.param("about")) }));

// Hono hands it what a handler threw.
app.onError((error, c) => {
  if (c.req.raw.signal.aborted) return c.body(null); // the client has left
  if (error instanceof SyntaxError) return c.json({ detail: "the body must be JSON" }, 400);
  const { status, detail } = failureOf(error);
  return c.json({ detail }, status, error instanceof DirtyError ? error.headers : {});
});

// There is no serve(): the server has the sockets, and each of its HTTP workers calls app.fetch().
export default app;

/** What a client is told. What went wrong in here may be private: it stays in the log. */
function failureOf(error: unknown) {
  const status = error instanceof DirtyError ? error.statusCode : 500;
  if (status === 500) getLogger().error({ err: error }, "a request failed");
  return { status, detail: STATUS_CODES[status] };
}

function readAbout(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("about" in body)) return undefined;
  const { about } = body;
  return typeof about === "string" && about !== "" && about.length <= 100 ? about : undefined;
}
