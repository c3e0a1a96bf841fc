import express, { type ErrorRequestHandler } from "express";
import { dirty } from "tsunicorn";
import { failureOf } from "./failures.ts";
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
  if (isRefusal(error)) return void response.status(error.status).json({ detail: error.message });
  const { status, detail, retryAfter } = failureOf(error);
  if (retryAfter !== undefined) response.set("retry-after", String(retryAfter));
  response.status(status).json({ detail });
};
app.use(onError);

// There is no app.listen(): the server has the sockets, and each of its HTTP workers serves this app.
export default app;

function readAbout(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("about" in body)) return undefined;
  const { about } = body;
  return typeof about === "string" && about !== "" && about.length <= 100 ? about : undefined;
}

function isRefusal(error: unknown): error is Error & { status: number } {
  return (
    error instanceof Error && "status" in error && typeof error.status === "number" && error.status < 500
  );
}
