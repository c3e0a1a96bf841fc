import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { removeFolder } from "../../../../server/test/integration/harness.ts";
import { expectWithin } from "../../../../server/test/promised-time.ts";
import { answerTo } from "../../../src/models/answers.ts";
import { eventsOf, exchange, post } from "../http-client.ts";
import { type Chat, startChat } from "../start-chat.ts";
import { noted, SCRIPTED, scriptedFolder } from "./scripted-models.ts";

const HELLO = [{ role: "user", content: "hello" }];
const WITHIN_MS = 100;

let chat: Chat;
let folder: string;

beforeAll(async () => {
  folder = scriptedFolder();
  // Slow enough that an answer can be met in its middle.
  const env = { CHAT_TOKEN_DELAY_MS: "5", CHAT_MODELS: SCRIPTED };
  chat = await startChat({ env, cwd: folder });
});

afterAll(async () => {
  await chat.stop();
  removeFolder(folder);
});

function ask(body: object | string, route = "chat/completions") {
  return post(`${chat.url}/v1/${route}`, body);
}

async function error(body: object | string | undefined, route?: string) {
  const { status, text } = await post(`${chat.url}/v1/${route ?? "chat/completions"}`, body);
  return { status, ...JSON.parse(text).error };
}

interface Chunk {
  choices: { delta: { content?: string; reasoning_content?: string }; finish_reason: string | null }[];
  usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number } | null;
}

function chunksOf(text: string): Chunk[] {
  const events = eventsOf(text);
  expect(events.pop()).toBe("[DONE]");
  return events.map((event) => JSON.parse(event));
}

describe("a stream", () => {
  it("is to the letter what OpenAI's clients expect", async () => {
    const { status, headers, text } = await ask({
      model: "simulated",
      messages: HELLO,
      max_tokens: 2,
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(headers.get("x-accel-buffering")).toBe("no");
    expect(headers.get("x-request-id")).toMatch(/./);
    const [, id = "", created = ""] = /"id":"(chatcmpl-[0-9a-f]{32})".*?"created":(\d+)/.exec(text) ?? [];
    expect(Math.abs(Number(created) - Date.now() / 1000)).toBeLessThan(60);
    const head = `data: {"id":"${id}","object":"chat.completion.chunk","created":${created},"model":"simulated","system_fingerprint":null,"choices":[`;
    const chunk = (delta: string, reason: string) =>
      `${head}{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${reason}}],"usage":null}\n\n`;
    expect(text).toBe(
      chunk('{"role":"assistant","content":""}', "null") +
        chunk('{"content":"Hello"}', "null") +
        chunk('{"content":"!"}', "null") +
        chunk("{}", '"length"') +
        `${head}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n` +
        "data: [DONE]\n\n",
    );
  });

  it("says the whole answer, its thinking apart, and nothing of usage unasked", async () => {
    const { text } = await ask({ messages: HELLO, reasoning_effort: "low", stream: true });
    const chunks = chunksOf(text);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(
      answerTo("hello").join(""),
    );
    const thoughts = chunks.map(({ choices }) => choices[0]?.delta.reasoning_content ?? "").join("");
    expect(thoughts).toBe("thinking...");
    expect(text).not.toContain("usage");
  });

  it("goes on when its dirty worker dies, and counts all of it once", async () => {
    const response = await fetch(`${chat.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ messages: HELLO, stream: true, stream_options: { include_usage: true } }),
    });
    // Its first token is there.
    for (const worker of chat.pids("dirty worker")) process.kill(worker, "SIGKILL");
    const chunks = chunksOf(await response.text());
    const tokens = answerTo("hello");
    expect(chunks.flatMap(({ choices }) => choices[0]?.delta.content || [])).toEqual(tokens);
    expect(chunks.at(-1)?.usage?.completion_tokens).toBe(tokens.length);
  });
});

describe("an answer in one piece", () => {
  it("has its text, how it ended and what it took", async () => {
    const { status, text } = await ask({ messages: HELLO, stop: [" simulated"], thinking: true });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({
      id: expect.stringMatching(/^chatcmpl-/),
      object: "chat.completion",
      created: expect.any(Number),
      model: "simulated",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: "Hello! I'm a",
            refusal: null,
            reasoning_content: "thinking...",
          },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      // What it thought, and what it had said before it knew that it was to end, took tokens too.
      usage: { prompt_tokens: 1, completion_tokens: 4 + 8, total_tokens: 13 },
      system_fingerprint: null,
    });
  });

  it("may have any seed of 64 bits, as in OpenAI's API", async () => {
    for (const seed of [0, -1, -(2 ** 63), 2 ** 63]) {
      expect(await ask({ messages: HELLO, max_tokens: 1, seed })).toMatchObject({ status: 200 });
    }
  });

  it("continues a text on the older route, streamed or not", async () => {
    const body = { prompt: "hello", max_tokens: 1 };
    expect(JSON.parse((await ask(body, "completions")).text)).toMatchObject({
      object: "text_completion",
      choices: [{ text: "Hello", index: 0, logprobs: null, finish_reason: "length" }],
    });
    const events = eventsOf((await ask({ ...body, stream: true }, "completions")).text);
    expect(events.map((event) => (event === "[DONE]" ? event : JSON.parse(event).choices[0].text))).toEqual([
      "Hello",
      "",
      "[DONE]",
    ]);
  });
});

describe("an app of one's own that has only generate", () => {
  const say = (content: string, more: object = {}) =>
    ask({ model: "scripted", messages: [{ role: "user", content }], ...more });

  it("answers, and each of its chunks counts as a token", async () => {
    for (const stream of [false, true]) {
      const { status, text } = await say("one two", {
        stream,
        stream_options: stream ? { include_usage: true } : null,
      });
      expect(status).toBe(200);
      const body = stream ? chunksOf(text).at(-1) : JSON.parse(text);
      expect(body?.usage).toEqual({ prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
    }
  });

  it("gets the conversation, ends at a stop string, and has no more tokens than are wanted", async () => {
    const messages = [
      { role: "developer", content: "Be brief." },
      { role: "user", content: "args" },
    ];
    const args = JSON.parse((await ask({ model: "scripted", messages })).text).choices[0].message.content;
    expect(JSON.parse(args)).toEqual([false, [{ role: "system", content: "Be brief." }]]);
    const stopped = JSON.parse((await say("one two three", { stop: "wot" })).text);
    expect(stopped.choices[0]).toMatchObject({ message: { content: "onet" }, finish_reason: "stop" });
    const cut = JSON.parse((await say("one two three", { max_completion_tokens: 2 })).text);
    expect(cut.choices[0]).toMatchObject({ message: { content: "onetwo" }, finish_reason: "length" });
    expect(cut.usage.completion_tokens).toBe(2);
  });

  it("fails as a status before its first token, as an event after it, and its words stay in the log", async () => {
    const failed = {
      message: "The model failed to answer.",
      type: "server_error",
      param: null,
      code: "app_error",
    };
    const { status, text } = await say("fail", { stream: true });
    expect(status).toBe(500);
    expect(JSON.parse(text)).toEqual({ error: failed });
    const events = eventsOf((await say("one fail", { stream: true })).text);
    expect(JSON.parse(events.at(-1) ?? "")).toEqual({ error: failed });
    expect(events).not.toContain("[DONE]");
    expect((await say("one fail")).status).toBe(500);
    await chat.logged("swordfish");
  });

  it.for([true, false])(
    "stops within 100 ms when its client leaves (stream: %s)",
    async (stream, context) => {
      let round = 0;
      await expectWithin(context, WITHIN_MS, async () => {
        const id = `left-${stream}-${++round}`;
        const gone = new AbortController();
        const reply = fetch(`${chat.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json", "x-request-id": id },
          body: JSON.stringify({ model: "scripted", messages: [{ role: "user", content: "hang" }], stream }),
          signal: gone.signal,
        }).catch(() => {});
        await noted(folder, id, "began");
        const leftAt = Date.now();
        gone.abort();
        await reply;
        return (await noted(folder, id, "ended")) - leftAt;
      });
    },
  );

  it("has no tools and no JSON output, and says so", async () => {
    const tools = [{ type: "function", function: { name: "f" } }];
    for (const model of ["scripted", "simulated"]) {
      expect(await error({ model, messages: HELLO, tools })).toEqual({
        status: 400,
        message: "This model does not support tools.",
        type: "invalid_request_error",
        param: "tools",
        code: "unsupported_parameter",
      });
      const format = { model, messages: HELLO, response_format: { type: "json_object" } };
      expect(await error(format)).toMatchObject({ status: 400, param: "response_format" });
    }
    // A fault of the server's that comes behind them is; what users asked wrongly is not.
    await error({ model: "scripted", messages: [{ role: "user", content: "fail" }] });
    await chat.logged("the password is swordfish");
    expect(chat.log()).not.toContain("does not support");
  });
});

it("what a model says that it can never do is the client's to read, on every route", async () => {
  expect(await error({ model: "judge", messages: HELLO, stream: true })).toEqual({
    status: 400,
    message: "The conversation is too long.",
    type: "invalid_request_error",
    param: "messages",
    code: "context_length_exceeded",
  });
  const { status, text } = await post(`${chat.url}/chat`, { model: "judge", prompt: "hello" });
  expect(status).toBe(422);
  expect(JSON.parse(text)).toEqual({
    detail: [{ loc: ["body"], msg: "The conversation is too long.", type: "context_length_exceeded" }],
  });
});

describe("embeddings", () => {
  it("come as numbers, or as the bytes of them", async () => {
    const model = "org/embedder";
    const { text } = await ask({ model, input: ["abc", "a"] }, "embeddings");
    expect(JSON.parse(text)).toEqual({
      object: "list",
      data: [
        { object: "embedding", index: 0, embedding: [3, 0.5, -0.25] },
        { object: "embedding", index: 1, embedding: [1, 0.5, -0.25] },
      ],
      model,
      usage: { prompt_tokens: 2, total_tokens: 2 },
    });
    const bytes = JSON.parse(
      (await ask({ model, input: "abc", encoding_format: "base64" }, "embeddings")).text,
    );
    const buffer = Buffer.from(bytes.data[0].embedding, "base64");
    expect([0, 4, 8].map((at) => buffer.readFloatLE(at))).toEqual([3, 0.5, -0.25]);
  });

  it.each(["simulated", "scripted"])("are refused where the model has none: %s", async (model) => {
    expect(await error({ model, input: "a" }, "embeddings")).toMatchObject({
      status: 400,
      message: expect.stringContaining("does not support embeddings"),
      type: "invalid_request_error",
      code: "unsupported_model",
    });
  });
});

function nested(levels: number): object {
  return levels === 0 ? {} : { type: "array", items: nested(levels - 1) };
}

describe("a bad request is told what is wrong with it, as OpenAI would", () => {
  const message = (content: unknown) => ({ messages: [{ role: "user", content }] });

  it.each([
    ["no messages", {}, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."],
    ["empty messages", { messages: [] }, "messages", "invalid_value", "at least 1 item"],
    [
      "no content",
      { messages: [{ role: "user" }] },
      "messages[0].content",
      "missing_required_parameter",
      "content",
    ],
    [
      "another role",
      { messages: [{ role: "x", content: "" }] },
      "messages[0].role",
      "invalid_value",
      "'developer'",
    ],
    ["a picture", message([{ type: "image_url" }]), "messages[0].content[0].type", "invalid_value", "'text'"],
    ["a number", message(5), "messages[0].content", "invalid_type", "valid string"],
    ["half a character", message("\ud800"), "messages[0].content", "invalid_value", "unicode"],
    ["two choices", { ...message("a"), n: 2 }, "n", "invalid_value", "n must be 1"],
    [
      "too hot",
      { ...message("a"), temperature: 3 },
      "temperature",
      "invalid_value",
      "less than or equal to 2",
    ],
    [
      "no tokens",
      { ...message("a"), max_tokens: 0 },
      "max_tokens",
      "invalid_value",
      "greater than or equal to 1",
    ],
    ["half a seed", { ...message("a"), seed: 1.5 }, "seed", "invalid_value", "a whole number"],
    ["half a token", { ...message("a"), max_tokens: 1.5 }, "max_tokens", "invalid_type", "valid integer"],
    [
      "five stops",
      { ...message("a"), stop: ["a", "b", "c", "d", "e"] },
      "stop",
      "invalid_value",
      "at most 4",
    ],
    [
      "usage without a stream",
      { ...message("a"), stream_options: {} },
      "stream_options",
      "invalid_value",
      "'stream'",
    ],
    ["logprobs", { ...message("a"), logprobs: true }, "logprobs", "invalid_value", "not supported"],
    [
      "a schema without a bottom",
      {
        ...message("a"),
        response_format: { type: "json_schema", json_schema: { name: "a", schema: nested(80) } },
      },
      "response_format.json_schema.schema",
      "invalid_value",
      "levels deep",
    ],
    [
      "a schema that is left out",
      { ...message("a"), response_format: { type: "json_schema" } },
      "response_format.json_schema",
      "missing_required_parameter",
      "Missing",
    ],
    [
      "another format",
      { ...message("a"), response_format: { type: "xml" } },
      "response_format.type",
      "invalid_value",
      "'text', 'json_object' or 'json_schema'",
    ],
    ["tools without a bottom", { ...message("a"), tools: [nested(80)] }, "tools[0]", "invalid_value", "deep"],
  ])("%s", async (_name, body, param, code, text) => {
    expect(await error(body)).toEqual({
      status: 400,
      message: expect.stringContaining(text),
      type: "invalid_request_error",
      param,
      code,
    });
  });

  it.each([
    ["completions", { prompt: ["a", "b"] }, "prompt", "one prompt for each request"],
    ["completions", { prompt: "a", logprobs: 3 }, "logprobs", "not supported"],
    ["embeddings", { input: "a", dimensions: 5 }, "dimensions", "the model's own"],
  ])("on /v1/%s, too: %j", async (route, body, param, text) => {
    const fault = { status: 400, type: "invalid_request_error", param, code: "invalid_value" };
    expect(await error(body, route)).toEqual({ ...fault, message: expect.stringContaining(text) });
  });

  it.each([
    ["{", "not valid JSON"],
    ["[]", "must be a JSON object"],
    [undefined, "must be a JSON object"],
  ])("%j", async (body, text) => {
    const fault = { status: 400, type: "invalid_request_error", param: null, code: null };
    expect(await error(body)).toEqual({ ...fault, message: expect.stringContaining(text) });
  });

  it("an unknown model, path or method, and a body without an end", async () => {
    const invalid = { type: "invalid_request_error" };
    const unknown = { ...invalid, status: 404, param: "model", code: "model_not_found" };
    expect(await error({ ...message("a"), model: "gpt-9" })).toMatchObject(unknown);
    expect(await error(undefined, "nothing")).toMatchObject({ ...invalid, status: 404, code: "unknown_url" });
    expect(await error("x".repeat(16 * 1024 * 1024 + 1))).toMatchObject({ ...invalid, status: 413 });
    const wrong = await fetch(`${chat.url}/v1/chat/completions`);
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("POST");
    expect(await wrong.json()).toMatchObject({ error: { ...invalid, code: "method_not_supported" } });
    const bad = await exchange(
      chat.url,
      "GET /v1/models/%zz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    );
    expect(bad).toMatch(/^HTTP\/1.1 400 /);
    expect(bad).toContain('{"error":{"message":');
  });
});

describe("models", () => {
  it("are found by their names, with slashes too, encoded or not", async () => {
    for (const path of ["simulated", "org/embedder", "org%2Fembedder"]) {
      const response = await fetch(`${chat.url}/v1/models/${path}`);
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({
        id: decodeURIComponent(path),
        object: "model",
        created: expect.any(Number),
        owned_by: "tsunicorn",
      });
    }
    for (const path of ["gpt-9", "org/gpt-9"]) {
      const response = await fetch(`${chat.url}/v1/models/${path}`);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { code: "model_not_found", param: "model" } });
    }
  });
});

it("the routes are in the API's description", async () => {
  const { paths } = JSON.parse(await (await fetch(`${chat.url}/openapi.json`)).text());
  for (const route of ["chat/completions", "completions", "embeddings"]) {
    const { requestBody, responses } = paths[`/v1/${route}`].post;
    expect(requestBody.content["application/json"].schema.properties.model).toBeDefined();
    expect(Object.keys(responses)).toEqual([
      "200",
      "400",
      "404",
      "413",
      "415",
      "429",
      "500",
      "502",
      "503",
      "504",
    ]);
  }
  expect(paths["/v1/models/{model}"].get.responses).toHaveProperty("404");
});
