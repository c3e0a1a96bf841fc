/** A GGUF file behind the chat, as people use it: its worker dies, its requests are wrong. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, isAlive } from "../../../server/test/integration/harness.ts";
import { open, type Stream } from "../../../server/test/integration/http-tools.ts";
import { jsonOf } from "../event-parts.ts";
import { HAS_LLAMA, NO_LLAMA, TinyLlama } from "../models/llama/tiny-llama.ts";
import { SAYS_MUCH } from "../models/llama/tiny-model.ts";
import { post, textOf } from "./http-client.ts";
import { askResumable, numberedEvents } from "./resuming-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

const START_MS = 60_000;

let tiny: TinyLlama | undefined;
let chat: Chat;

beforeAll(async () => {
  if (!HAS_LLAMA) return;
  tiny = new TinyLlama({ contextLength: 2048, says: SAYS_MUCH });
  const env = {
    CHAT_MODELS: `llama:${tiny.file}`,
    CHAT_LLAMA_GPU: "off",
    CHAT_LLAMA_THREADS: "1",
    CHAT_LLAMA_SEQUENCES: "4",
  };
  chat = await startChat({ env });
}, START_MS);

afterAll(async () => {
  await chat?.stop();
  tiny?.remove();
});

function ask(path: string, body: object): Promise<Stream> {
  const headers = { "content-type": "application/json" };
  return open(chat, path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** What a streamed completion says, in one piece, and how it ended. */
function completion({ text }: Stream): { said: string; reasons: string[]; usage: unknown } {
  const chunks = jsonOf(text);
  const choices = chunks.flatMap((chunk) => chunk.choices ?? []);
  return {
    said: choices.map(({ delta }) => delta.content ?? "").join(""),
    reasons: choices.flatMap(({ finish_reason: reason }) => reason ?? []),
    usage: chunks.at(-1)?.usage,
  };
}

describe("a GGUF file's worker that is killed in mid-answer", () => {
  it("costs its readers nothing: each sees one unbroken, unrepeated answer", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const [plain, resumable, openai] = await Promise.all([
      ask("/chat", { prompt: "hello" }),
      askResumable(chat, "hello"),
      ask("/v1/chat/completions", {
        messages: [{ role: "user", content: "hello" }],
        stream: true,
        stream_options: { include_usage: true },
      }),
    ]);
    const streams = [plain, resumable, openai];
    await eventually("each has begun", () =>
      streams.every(({ text }) => (text.match(/"(token|content)":/g) ?? []).length > 20),
    );
    const [pid = 0, ...others] = chat.pids("dirty worker [LlamaApp?tiny]");
    expect(others).toEqual([]);
    process.kill(pid, "SIGKILL");
    await eventually("it is gone", () => !isAlive(pid));
    for (const { text } of streams) expect(text).not.toContain("[DONE]");

    await Promise.all(streams.map((stream) => stream.ended(START_MS)));
    expect(streams.map(({ complete }) => complete)).toEqual([true, true, true]);
    expect(textOf(plain.text)).toBe(SAYS_MUCH);
    const events = numberedEvents(resumable.text);
    expect(events.end).toBe("[DONE]");
    expect(events.tokens.map(({ token }) => token).join("")).toBe(SAYS_MUCH);
    const { said, reasons, usage } = completion(openai);
    expect(said).toBe(SAYS_MUCH);
    expect(reasons).toEqual(["stop"]);
    // The tokens of both workers, each counted once.
    const messages = [{ role: "user", content: "hello" }];
    const undisturbed = await post(`${chat.url}/v1/chat/completions`, { messages });
    expect(usage).toEqual(JSON.parse(undisturbed.text).usage);
    expect(chat.log()).not.toContain("request failed");
  });
});

describe("a GGUF file", () => {
  it("embeds on /v1", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const { status, text } = await post(`${chat.url}/v1/embeddings`, { input: ["waaa", "waab waac"] });
    expect(status).toBe(200);
    const { data, usage } = JSON.parse(text);
    expect(data.map(({ embedding }: { embedding: number[] }) => Math.hypot(...embedding))).toEqual([
      expect.closeTo(1, 5),
      expect.closeTo(1, 5),
    ]);
    expect(data[0].embedding).not.toEqual(data[1].embedding);
    expect(usage.prompt_tokens).toBeGreaterThan(2);
  });
});

describe("a GGUF file's refusals", () => {
  it("are the user's to read, and no errors in the log", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const long = await post(`${chat.url}/chat`, { prompt: "x y ".repeat(3000) });
    expect(long.status).toBe(422);
    expect(long.text).toContain("context_length_exceeded");
    const messages = [{ role: "user", content: "hello" }];
    const tools = [{ type: "function", function: { name: "f", parameters: {} } }];
    const schema = { name: "s", schema: { type: "string", pattern: "^a+$" } };
    for (const wish of [{ tools }, { response_format: { type: "json_schema", json_schema: schema } }]) {
      const refused = await post(`${chat.url}/v1/chat/completions`, { messages, ...wish });
      expect(refused.status).toBe(400);
    }
    const lines = chat
      .log()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line): { level: string; role: string; msg: string } => JSON.parse(line));
    const errors = lines.filter(({ level, role }) => level === "error" && role === "dirty worker");
    expect(errors).toEqual([]);
    expect(chat.log()).not.toContain("request failed");
  });
});
