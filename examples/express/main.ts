import { STATUS_CODES } from "node:http";
import express, { type ErrorRequestHandler } from "express";
import { DirtyError, dirty, getLogger } from "tsunicorn";
import { sendEvents } from "./send-events.ts";
import type { StoryApp } from "./story-app.ts";

const stories = dirty<StoryApp>("./story-app.ts:StoryApp");

const app = express();
app.disable("x-powered-by");
app.use(express.json({ limit: "16kb" }));

app.get("/health", (_request, response) => {
  response.json({ status: "ok" });
});

app.post("/stories", async (request, response) => {
  const about = readAbout(request.body);
  if (about === undefined) {
    response.status(400).json({ detail: '"about" must be a text of 1 to 100 characters' });
    return;
  }
  await sendEvents(response, (signal) => stories.with({ signal }).tell(about));
});

app.get("/titles/:about", async (request, response) => {
  response.json({ title: await stories.title(request.params.about) });
});

// Express hands it what a handler threw, also an async one, and what express.json() refuses.
const onError: ErrorRequestHandler = (error, _request, response, _next) => {
  if (response.headersSent) return void response.destroy();
  // The errors of dirty calls have a status and headers, as those of Express.
  const { statusCode: status = 500, headers = {}, message } = error ?? {};
  if (status === 500) getLogger().error({ err: error }, "a request failed");
  // What went wrong in here may be private: it stays in the log.
  const isOurs = status >= 500 || error instanceof DirtyError;
  const detail = isOurs ? STATUS_CODES[status] : message;
  response.status(status).set(headers).json({ detail });
};
app.use(onError);

// There is no app.listen(): the server has the sockets, and each of its HTTP workers serves this app.
export default app;

function readAbout(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("about" in body)) return undefined;
  const { about } = body;
  return typeof about === "string" && about !== "" && about.length <= 100 ? about : undefined;
}
