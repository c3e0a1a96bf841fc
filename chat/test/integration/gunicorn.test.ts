/** The chat in front of a Gunicorn: the app of Gunicorn's streaming chat example answers, unchanged. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import {
  eventually,
  type RunningServer,
  removeFolder,
  startServer,
  temporaryFolder,
} from "../../../server/test/integration/harness.ts";
import { GunicornStandIn } from "../../../server/test/python/gunicorn-stand-in.ts";
import { NO_PYTHON } from "../../../server/test/python/python.ts";
import { post, textOf } from "./http-client.ts";

const SCRIPT = fileURLToPath(new URL("../../bin/chat.mjs", import.meta.url));
const APP = "streaming_chat.chat_app:ChatApp";

let gunicorn: GunicornStandIn;
let chat: RunningServer;
let folder: string;

beforeAll(async () => {
  if (NO_PYTHON !== undefined) return;
  gunicorn = await GunicornStandIn.start();
  folder = temporaryFolder();
  const args = ["--model", `gunicorn:${APP}`, "--dirty-socket", `unix:${gunicorn.path}`, "--workers", "1"];
  chat = await startServer({ script: SCRIPT, args, cwd: folder });
});

beforeEach(({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
});

afterAll(async () => {
  if (NO_PYTHON !== undefined) return;
  await chat.stop();
  await gunicorn.stop();
  removeFolder(folder);
});

const json = async (path: string): Promise<unknown> => (await fetch(`${chat.url}${path}`)).json();

it("is ready with that app, and runs no dirty worker of its own", async () => {
  expect(await json("/readyz")).toEqual({ status: "ready", apps: [{ app: APP, workers: 1 }] });
  expect(chat.pids("dirty")).toEqual([]);
});

it("streams what the app yields, token by token, and leaves out what the app does not take", async () => {
  const { status, text } = await post(`${chat.url}/chat`, { prompt: "hello" });
  expect(status).toBe(200);
  expect(text).toBe(
    `${["You", " said", ": ", "hello"].map((token) => `data: {"token": ${JSON.stringify(token)}}\n\n`).join("")}data: [DONE]\n\n`,
  );
  const messages = [
    { role: "user", content: "before" },
    { role: "assistant", content: "yes" },
  ];
  const later = await post(`${chat.url}/chat`, { prompt: "again", messages });
  expect(textOf(later.text)).toBe("You said: again");
  const thought = await post(`${chat.url}/chat`, { prompt: "hello", thinking: true });
  expect(textOf(thought.text)).toBe("[thinking]\n\nYou said: hello");
});

it("answers in one piece, and in OpenAI's form with its limits", async () => {
  const { text } = await post(`${chat.url}/chat/sync`, { prompt: "hello" });
  expect(JSON.parse(text)).toEqual({ response: "You said: hello" });
  const asked = { model: APP, max_tokens: 3, messages: [{ role: "user", content: "hello" }] };
  const completion = JSON.parse((await post(`${chat.url}/v1/chat/completions`, asked)).text);
  expect(completion.choices[0]).toMatchObject({
    message: { role: "assistant", content: "You said: " },
    finish_reason: "length",
  });
  const embedded = await post(`${chat.url}/v1/embeddings`, { model: APP, input: "hello" });
  expect(embedded.status).toBe(400);
});

it("gives an ordinary stream to a client that asks for a resumable one", async () => {
  const { text, headers } = await post(`${chat.url}/chat`, { prompt: "hello", resumable: true });
  expect(textOf(text.replaceAll(/^id: \d+\n/gm, ""))).toBe("You said: hello");
  const id = headers.get("x-stream-id");
  expect((await fetch(`${chat.url}/chat/streams/${id}`)).status).toBe(404);
  expect((await fetch(`${chat.url}/chat/streams/${id}`, { method: "DELETE" })).status).toBe(404);
});

it("cancels what Gunicorn does for a client that leaves", async () => {
  const before = gunicorn.notes("left").length;
  const controller = new AbortController();
  const response = await fetch(`${chat.url}/chat`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: "for ever" }),
    signal: controller.signal,
  });
  expect(response.status).toBe(200);
  controller.abort();
  await eventually("Gunicorn saw it", () => gunicorn.notes("left").slice(before).at(-1));
});

it("says 503 while Gunicorn is gone, and answers again when it is back", async () => {
  await gunicorn.kill();
  const refused = await post(`${chat.url}/chat`, { prompt: "hello" });
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(JSON.parse(refused.text)).toEqual({ detail: "The model cannot be reached. Try again later." });
  await eventually("the log says what to do", () => chat.log().includes("start Gunicorn again"));
  await eventually("it is not ready", async () => (await fetch(`${chat.url}/readyz`)).status === 503);
  expect(await json("/health")).toEqual({ status: "ok" });
  await gunicorn.start();
  expect(textOf((await post(`${chat.url}/chat`, { prompt: "hello" })).text)).toBe("You said: hello");
  await eventually("it is ready", async () => (await fetch(`${chat.url}/readyz`)).status === 200);
});
