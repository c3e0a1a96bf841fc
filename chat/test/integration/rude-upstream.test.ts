import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../../server/test/integration/harness.ts";
import { open, type Stream } from "../../../server/test/integration/http-tools.ts";
import { mergeToolCalls } from "../../src/v1/tool-calls.ts";
import { jsonOf } from "../event-parts.ts";
import { post, textOf } from "./http-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

/** What the upstream does when a question has this name. */
interface Case {
  readonly status?: number;
  readonly headers?: () => Record<string, string>;
  /** Objects are events; texts are sent as they stand. */
  readonly says: readonly (object | string)[];
  /** Whether the connection is reset behind it. */
  readonly breaks?: boolean;
  /** A field that is refused by name. */
  readonly refuses?: string;
  /** The first `asks` requests get no more than `parts` parts each. */
  readonly holds?: { readonly asks: number; readonly parts: number };
}

const chunk = (delta: object, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta, finish_reason }],
});
const END = chunk({}, "stop");
const DONE = "data: [DONE]\n\n";
const F = { name: "f", arguments: '{"a":1}' };

const CASES: Record<string, Case> = {
  plain: { says: [chunk({ content: "ok" }), END, DONE] },
  "two calls without an index": {
    says: [
      chunk({
        tool_calls: [
          { id: "a", function: F },
          { id: "b", function: F },
        ],
      }),
      DONE,
    ],
  },
  "half a usage": {
    says: [chunk({ content: "ok" }), END, { choices: [], usage: { prompt_tokens: 3 } }, DONE],
  },
  "parts and signs of life": {
    says: [
      ": hi\n\nevent: ping\ndata: ping\n\ndata:\n\n",
      chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] }),
      chunk({ content: [{ type: "text", text: "ok" }] }),
      END,
    ],
  },
  "half a character": { says: [chunk({ content: "\ud83d" }), chunk({ content: "\ude00" }), END, DONE] },
  document: {
    says: [JSON.stringify({ choices: [{ message: { content: "ok" }, finish_reason: "stop" }] }, null, 2)],
  },
  "breaks behind its end": { says: [chunk({ content: "ok" }), END], breaks: true },
  refusal: { says: [chunk({ refusal: "I cannot" }), END, DONE] },
  "calls in parts": {
    holds: { asks: 2, parts: 3 },
    says: [
      chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: "" } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] }),
      chunk({ tool_calls: [{ index: 1, id: "b", function: F }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: ":1}" } }] }),
      chunk({}, "tool_calls"),
      DONE,
    ],
  },
  "refusal in parts": {
    holds: { asks: 4, parts: 2 },
    says: [chunk({ refusal: "I " }), chunk({ refusal: "can" }), chunk({ refusal: "not" }), END, DONE],
  },
  "error at once": { says: [{ object: "error", message: "no memory", code: 500 }, DONE] },
  "nothing but its end": { says: [DONE] },
  page: { says: ["<html>Sign in</html>"] },
  "error in the middle": { says: [chunk({ content: "half" }), chunk({}, "error"), DONE] },
  "breaks in the middle": { says: [chunk({ content: "half" })], breaks: true },
  stream_options: { refuses: "stream_options", says: [chunk({ content: "ok" }), END, DONE] },
  "context size": {
    status: 400,
    says: [JSON.stringify({ error: { code: 400, message: "too many", type: "exceed_context_size_error" } })],
  },
  temperature: {
    status: 400,
    says: [JSON.stringify({ error: { message: "secret", param: "temperature", code: "unsupported_value" } })],
  },
  account: { status: 402, says: ["{}"] },
  "busy until a date": {
    status: 429,
    headers: () => ({ "retry-after": new Date(Date.now() + 60_000).toUTCString() }),
    says: ["{}"],
  },
};

let server: Server;
let chat: Chat;
const asked: Record<string, unknown>[] = [];

/** How often a question was asked. */
const times = (content: unknown) =>
  asked.filter(({ messages }) => JSON.stringify(messages).includes(JSON.stringify(content))).length;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const sent = JSON.parse(body) as { messages: { content: unknown }[] };
    asked.push({ ...sent, authorization: request.headers.authorization });
    const { content } = sent.messages.at(-1) ?? {};
    const {
      status = 200,
      headers,
      says,
      breaks,
      refuses,
      holds,
    } = CASES[String(content)] ?? CASES.plain ?? { says: [] };
    if (refuses !== undefined && refuses in sent) {
      response.writeHead(400, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: `${refuses}: extra inputs are not permitted` } }));
      return;
    }
    response.writeHead(status, { "content-type": "text/event-stream", ...headers?.() });
    const isHeld = holds !== undefined && times(content) <= holds.asks;
    for (const each of isHeld ? says.slice(0, holds.parts) : says) {
      response.write(typeof each === "string" ? each : `data: ${JSON.stringify(each)}\n\n`);
      // Each in a chunk of its own.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (isHeld) return;
    if (breaks) response.write(": \n\n", () => response.destroy());
    else response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `http://user:p%40ss@127.0.0.1:${(server.address() as AddressInfo).port}/v1/`;
  chat = await startChat({
    env: { CHAT_MODELS: "m=openai:m", OPENAI_BASE_URL: address, OPENAI_API_KEY: "" },
  });
});

afterAll(async () => {
  await chat?.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const asUser = (content: unknown) => [{ role: "user", content }];

const v1 = (content: unknown, more: object = {}) =>
  post(`${chat.url}/v1/chat/completions`, { messages: asUser(content), ...more });

/** The same question where answers are text alone. */
const asText = (prompt: string) => [
  post(`${chat.url}/chat/sync`, { prompt }),
  post(`${chat.url}/chat`, { prompt }),
  post(`${chat.url}/v1/completions`, { prompt }),
  post(`${chat.url}/v1/completions`, { prompt, stream: true }),
];

function openStream(path: string, body: object): Promise<Stream> {
  const headers = { "content-type": "application/json" };
  return open(chat, path, { method: "POST", headers, body: JSON.stringify(body) });
}

type Delta = Record<string, unknown> & { tool_calls?: Record<string, unknown>[] };

/** A stream's deltas, its reason, and what else it has. */
function streamed(text: string) {
  const chunks = jsonOf(text);
  const choices = chunks.flatMap((each) => each.choices ?? []);
  const deltas: Delta[] = choices.map(({ delta }) => delta ?? {});
  const joined = (name: string) => deltas.map((delta) => delta[name] ?? "").join("");
  return {
    joined,
    calls: deltas.flatMap(({ tool_calls = [] }) => tool_calls),
    reason: choices.map(({ finish_reason }) => finish_reason).findLast((reason) => reason !== null),
    text: choices.map(({ text }) => text ?? "").join(""),
    error: chunks.find(({ error }) => error !== undefined)?.error,
    done: text.endsWith("data: [DONE]\n\n"),
  };
}

describe("an upstream's answer", () => {
  it.each([
    ["plain", { content: "ok" }],
    ["half a usage", { content: "ok" }],
    ["parts and signs of life", { content: "ok", reasoning_content: "hm" }],
    ["half a character", { content: "😀" }],
    ["document", { content: "ok" }],
    ["breaks behind its end", { content: "ok" }],
    ["refusal", { content: null, refusal: "I cannot" }],
    ["stream_options", { content: "ok" }],
  ] satisfies [string, object][])("is whole: %s", async (name, message) => {
    const whole = await v1(name);
    expect(whole.status).toBe(200);
    const { choices, usage } = JSON.parse(whole.text);
    expect(choices).toMatchObject([{ message, finish_reason: "stop" }]);
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
    const { joined, reason, error, done } = streamed((await v1(name, { stream: true })).text);
    for (const [field, text] of Object.entries(message)) expect(joined(field)).toBe(text ?? "");
    expect([reason, error, done]).toEqual(["stop", undefined, true]);
    // Where there is only text, a refusal is that.
    const text = "refusal" in message ? message.refusal : message.content;
    const [sync, plain, completion, parts] = await Promise.all(asText(name));
    expect(JSON.parse(sync?.text ?? "")).toEqual({ response: text });
    expect(textOf(plain?.text ?? "")).toBe(text);
    const { choices: texts, usage: took } = JSON.parse(completion?.text ?? "");
    expect(texts).toMatchObject([{ text, finish_reason: "stop" }]);
    expect(took.total_tokens).toBe(took.prompt_tokens + took.completion_tokens);
    expect(streamed(parts?.text ?? "")).toMatchObject({ text, reason: "stop", error: undefined, done: true });
  });

  it("has its tool calls once each, whole and streamed", async () => {
    const { choices } = JSON.parse((await v1("two calls without an index")).text);
    expect(choices).toMatchObject([{ finish_reason: "tool_calls" }]);
    expect(choices[0].message.tool_calls).toEqual([
      { id: "a", type: "function", function: F },
      { id: "b", type: "function", function: F },
    ]);
    const { calls, reason } = streamed((await v1("two calls without an index", { stream: true })).text);
    expect(calls.map(({ index, id }) => [index, id])).toEqual([
      [0, "a"],
      [1, "b"],
    ]);
    expect(reason).toBe("tool_calls");
    // They have no place in a text, where none can have been asked for.
    const [sync, plain, completion, parts] = await Promise.all(asText("two calls without an index"));
    expect([JSON.parse(sync?.text ?? ""), textOf(plain?.text ?? "")]).toEqual([{ response: "" }, ""]);
    expect(JSON.parse(completion?.text ?? "").choices).toMatchObject([{ text: "", finish_reason: "stop" }]);
    expect(streamed(parts?.text ?? "")).toMatchObject({ text: "", reason: "stop", done: true });
  });

  it.each([
    ["error at once", 502, "upstream_failed"],
    ["nothing but its end", 502, "upstream_failed"],
    ["page", 502, "upstream_failed"],
    ["error in the middle", 502, "upstream_failed"],
    ["breaks in the middle", 502, "upstream_failed"],
    ["context size", 400, "context_length_exceeded"],
    ["temperature", 400, "unsupported_value"],
    ["account", 502, "upstream_refused"],
    ["busy until a date", 429, "upstream_busy"],
  ])("is a failure: %s", async (name, status, code) => {
    const whole = await v1(name);
    expect(whole.status).toBe(status);
    expect(JSON.parse(whole.text).error).toMatchObject({
      code,
      param: name === "temperature" ? name : code === "context_length_exceeded" ? "messages" : null,
    });
    expect(whole.text).not.toMatch(/secret|memory/);
    if (status === 429) expect(whole.headers.get("retry-after")).toMatch(/^(59|60)$/);
    const stream = await v1(name, { stream: true });
    const [sync, plain, completion, parts] = await Promise.all(asText(name));
    expect([sync?.status, completion?.status]).toEqual([status === 400 ? 422 : status, status]);
    expect(JSON.parse(completion?.text ?? "").error).toMatchObject({
      code,
      param: name === "temperature" ? name : code === "context_length_exceeded" ? "prompt" : null,
    });
    for (const each of [sync, completion]) {
      expect(each?.text).not.toMatch(/secret|memory/);
      if (status === 429) expect(each?.headers.get("retry-after")).toMatch(/^(59|60)$/);
    }
    if (name.endsWith("in the middle")) {
      expect(streamed(parts?.text ?? "")).toMatchObject({ text: "half", error: { code }, done: false });
      const { joined, error, done } = streamed(stream.text);
      expect([joined("content"), error.code, done]).toEqual(["half", code, false]);
      expect(plain?.text).toMatch(/^data: {"token": "half"}\n\ndata: {"error":{"type":"upstream_failed"/);
    } else {
      expect(stream.status).toBe(status);
      expect(parts?.status).toBe(status);
      expect(plain?.status).toBe(status === 400 ? 422 : status);
    }
  });
});

describe("an upstream is asked", () => {
  it("with all that OpenAI's API has, as it came", async () => {
    const image = [
      { type: "text", text: "What is this?" },
      { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } },
    ];
    const fields = {
      logit_bias: { "50256": -100 },
      user: "u1",
      metadata: { a: "b" },
      top_k: 5,
      chat_template_kwargs: { enable_thinking: false },
      thinking: { type: "enabled", budget_tokens: 1024 },
      response_format: { type: "json_schema", json_schema: { name: "mine", description: "d", schema: {} } },
    };
    const messages = [
      { role: "user", content: "hello", name: "Ann" },
      { role: "assistant", content: "hi", reasoning_content: "hm" },
      { role: "user", content: image },
    ];
    await post(`${chat.url}/v1/chat/completions`, { messages, ...fields });
    expect(asked.at(-1)).toMatchObject({ model: "m", stream: true, messages, ...fields });
  });

  it("as the user whom its address names, whose password no log has", () => {
    const words = Buffer.from("user:p@ss").toString("base64");
    expect(asked.at(-1)?.authorization).toBe(`Basic ${words}`);
    expect(chat.log()).not.toMatch(/p%40ss|p@ss/);
  });

  it("once only with the stream_options that it refuses", () => {
    const options = asked.filter(({ messages }) => JSON.stringify(messages).includes("stream_options"));
    expect(options.filter((sent) => "stream_options" in sent)).toHaveLength(1);
    expect(asked.at(-1)).not.toHaveProperty("stream_options");
  });

  it("for nothing that is nested without end, or too much to look at", async () => {
    const deep = JSON.parse(`${"[".repeat(60)}${"]".repeat(60)}`);
    const before = asked.length;
    for (const body of [{ metadata: deep }, { user: "\ud83d" }]) {
      const { status, text } = await v1("plain", body);
      expect(status).toBe(400);
      expect(JSON.parse(text).error.param).toBe(Object.keys(body)[0]);
    }
    expect((await v1("plain", { logit_bias: Array(30_000).fill(0) })).status).toBe(400);
    expect(asked).toHaveLength(before);
  });
});

// The last: what the worker had learned of the upstream is gone with it.
it("an answer has its tool calls and its refusal once each where its worker dies in the middle", async () => {
  const streams = await Promise.all([
    openStream("/v1/chat/completions", { messages: asUser("calls in parts"), stream: true }),
    openStream("/v1/chat/completions", { messages: asUser("refusal in parts"), stream: true }),
    openStream("/chat", { prompt: "refusal in parts" }),
  ]);
  const whole = [
    v1("calls in parts"),
    v1("refusal in parts"),
    post(`${chat.url}/chat/sync`, { prompt: "refusal in parts" }),
  ];
  await eventually("all have asked", () => times("calls in parts") + times("refusal in parts") === 6);
  await streams[0].has('"b"');
  for (const stream of streams.slice(1)) await stream.has("can");
  process.kill(chat.pids("dirty worker")[0] ?? 0, "SIGKILL");
  await Promise.all(streams.map((stream) => stream.ended()));

  const [calls, refusal, plain] = streams.map(({ text }) => text);
  const made = streamed(calls ?? "");
  expect(made).toMatchObject({ reason: "tool_calls", error: undefined, done: true });
  const merged = [
    { id: "a", function: F },
    { id: "b", function: F },
  ];
  expect(mergeToolCalls([{ toolCalls: made.calls }])).toMatchObject(merged);
  expect(made.calls.flatMap(({ id }) => id ?? [])).toEqual(["a", "b"]);
  const refused = streamed(refusal ?? "");
  expect(refused).toMatchObject({ reason: "stop", error: undefined, done: true });
  expect([refused.joined("refusal"), refused.joined("content")]).toEqual(["I cannot", ""]);
  expect(textOf(plain ?? "")).toBe("I cannot");
  const [first, second, sync] = (await Promise.all(whole)).map(({ text }) => JSON.parse(text));
  expect(first.choices).toMatchObject([{ finish_reason: "tool_calls", message: { tool_calls: merged } }]);
  expect(second.choices).toMatchObject([
    { finish_reason: "stop", message: { content: null, refusal: "I cannot" } },
  ]);
  expect(sync).toEqual({ response: "I cannot" });
});
