import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../../server/test/integration/harness.ts";
import { answerTo } from "../../src/models/answers.ts";
import type { GenerateRequest } from "../../src/models/model.ts";
import { type UpstreamSettings, upstreamSettings } from "../../src/models/openai/settings.ts";
import { OpenAiModel } from "../../src/models/openai.ts";
import { describeModel, read, textOf } from "./contract.ts";
import { begin, FakeUpstream, refuse, say, sayText } from "./openai/fake-upstream.ts";

const KEY = "sk-not-a-real-key";
const GREETING = answerTo("hello").join("");

let upstream: FakeUpstream;
let settings: UpstreamSettings;

beforeAll(async () => {
  upstream = new FakeUpstream();
  const env = { OPENAI_BASE_URL: await upstream.start(), OPENAI_API_KEY: KEY };
  settings = { ...upstreamSettings(env, "gpt-4o"), silenceMs: 5000 };
});

afterEach(() => {
  upstream.behave = () => false;
  upstream.asked.length = 0;
});

afterAll(() => upstream.stop());

describeModel("an upstream's model", {
  open: () => new OpenAiModel(settings),
  prompt: "hello",
  answer: GREETING,
  within: "dirty worker: a process",
  concurrency: 20,
  draws: false,
});

function ask(request: Partial<GenerateRequest> = {}, more: Partial<UpstreamSettings> = {}) {
  return read(new OpenAiModel({ ...settings, ...more }), { prompt: "hello", ...request });
}

describe("an upstream", () => {
  it("is asked as OpenAI's API wants it", async () => {
    const tools = [{ type: "function", function: { name: "look_up", parameters: {} } }];
    const call = { id: "c1", type: "function", function: { name: "look_up", arguments: "{}" } };
    await ask({
      prompt: "",
      messages: [
        { role: "user", content: "hello" },
        { role: "assistant", content: "", toolCalls: [call] },
        { role: "tool", content: "hello", toolCallId: "c1" },
      ],
      options: {
        maxTokens: 5,
        temperature: 0,
        topP: 0.5,
        seed: 7,
        stop: ["x"],
        frequencyPenalty: 0.5,
        presencePenalty: -0.5,
        effort: "low",
        tools,
        toolChoice: "auto",
        parallelToolCalls: false,
        json: { type: "object" },
        jsonStrict: true,
      },
    });
    expect(upstream.asked[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(upstream.asked[0]?.body).toEqual({
      model: "gpt-4o",
      messages: [
        { role: "user", content: "hello" },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", content: "hello", tool_call_id: "c1" },
      ],
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 5,
      temperature: 0,
      top_p: 0.5,
      seed: 7,
      stop: ["x"],
      frequency_penalty: 0.5,
      presence_penalty: -0.5,
      reasoning_effort: "low",
      tools,
      tool_choice: "auto",
      parallel_tool_calls: false,
      response_format: {
        type: "json_schema",
        json_schema: { name: "answer", strict: true, schema: { type: "object" } },
      },
    });
  });

  it("is left its own default where a client does not say how strict it is with a schema", async () => {
    await ask({ options: { json: { type: "object" } } });
    expect(upstream.asked[0]?.body).toMatchObject({ response_format: { type: "json_schema" } });
    expect(JSON.stringify(upstream.asked[0]?.body)).not.toContain("strict");
  });

  it("may think, call tools, and count nothing", async () => {
    upstream.behave = (response) => {
      begin(response);
      say(response, { choices: [{ index: 0, delta: { role: "assistant", content: "" } }] });
      say(response, { choices: [{ index: 0, delta: { reasoning_content: "Hm." } }] });
      say(response, { choices: [{ index: 0, delta: { content: "So" } }] });
      const call = { index: 0, id: "c1", function: { name: "f", arguments: "{}" } };
      say(response, { choices: [{ index: 0, delta: { tool_calls: [call] } }] });
      say(response, { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] });
      response.end();
      return true;
    };
    const { pieces, finish } = await ask();
    const call = { index: 0, id: "c1", type: "function", function: { name: "f", arguments: "" } };
    const rest = { index: 0, function: { arguments: "{}" } };
    expect(pieces).toEqual([{ reasoning: "Hm." }, "So", { toolCalls: [call] }, { toolCalls: [rest] }]);
    expect(finish).toEqual({ reason: "tool_calls", promptTokens: 1, completionTokens: 4 });
  });

  it("hears at once that the reader left", async () => {
    upstream.behave = (response) => {
      begin(response);
      sayText(response, "Hello");
      return true;
    };
    const before = upstream.left;
    const controller = new AbortController();
    const reason = new Error("the reader left");
    const stream = new OpenAiModel(settings).stream(
      { prompt: "hello", messages: [], thinking: false, emitted: [] },
      controller.signal,
    );
    expect((await stream.next()).value).toBe("Hello");
    const next = stream.next();
    controller.abort(reason);
    await expect(next).rejects.toBe(reason);
    await eventually("the connection is closed", () => upstream.left > before);
  });

  it.each([429, 500, 503, 409, 408])("that answers %i is asked again", async (status) => {
    upstream.behave = (response, tries) => {
      if (tries > 2) return false;
      refuse(response, status, "not now", { "retry-after-ms": "1" });
      return true;
    };
    expect((await ask()).text).toBe(GREETING);
    expect(upstream.asked).toHaveLength(3);
  });

  it("that closes the connection before it answers is asked again", async () => {
    upstream.behave = (response, tries) => {
      if (tries > 1) return false;
      response.destroy();
      return true;
    };
    expect((await ask()).text).toBe(GREETING);
    expect(upstream.asked).toHaveLength(2);
  });

  it.each([
    ["closes the connection", (response) => response.destroy()],
    ["ends", (response) => response.end()],
    [
      "sends an error",
      (response) => {
        say(response, { error: { message: "overloaded", type: "server_error" } });
        response.end();
      },
    ],
  ] satisfies [string, (response: import("node:http").ServerResponse) => void][])(
    "that %s before its first token is asked again, twice at most",
    async (_what, fail) => {
      let failures = 2;
      upstream.behave = async (response, tries) => {
        if (tries > failures) return false;
        begin(response);
        await new Promise((resolve) => setImmediate(resolve));
        fail(response);
        return true;
      };
      expect((await ask()).text).toBe(GREETING);
      expect(upstream.asked).toHaveLength(3);
      upstream.asked.length = 0;
      failures = 3;
      await expect(ask()).rejects.toMatchObject({ reason: "upstream_failed" });
      expect(upstream.asked).toHaveLength(3);
    },
  );

  it("that falls silent before its first token is not asked again", async () => {
    upstream.behave = (response) => {
      begin(response);
      return true;
    };
    await expect(ask({}, { silenceMs: 200 })).rejects.toMatchObject({ reason: "upstream_timeout" });
    expect(upstream.asked).toHaveLength(1);
  });

  it.each([
    [401, "upstream_auth", 1],
    [403, "upstream_auth", 1],
    [404, "upstream_not_found", 1],
    [429, "upstream_busy", 3],
    [500, "upstream_failed", 3],
    [502, "upstream_failed", 3],
    [504, "upstream_timeout", 3],
  ])("that answers nothing but %i is %s", async (status, reason, tries) => {
    upstream.behave = (response) => {
      refuse(response, status, `no, ${KEY} will not do`, { "retry-after-ms": "1" });
      return true;
    };
    const error = await ask().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ reason, details: { model_error: reason } });
    expect(String(error)).toContain(`the upstream answered ${status}: `);
    expect(String(error)).not.toContain(KEY);
    expect(upstream.asked).toHaveLength(tries);
  });

  it("that wants a long pause is not waited for, and the client learns of it", async () => {
    upstream.behave = (response) => {
      refuse(response, 429, "slow down", { "retry-after": "20" });
      return true;
    };
    await expect(ask()).rejects.toMatchObject({ reason: "upstream_busy", retryAfter: 20 });
    expect(upstream.asked).toHaveLength(1);
  });

  it.each([
    [400, "This model's maximum context length is 8 tokens", "context_length_exceeded"],
    [400, "Unknown parameter: top_q", "invalid_request"],
    [422, "top_q is wrong", "invalid_request"],
  ])("that refuses with %i, %j, is not asked again, nor quoted", async (status, said, code) => {
    upstream.behave = (response) => {
      refuse(response, status, said);
      return true;
    };
    const error = await ask().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "UnsupportedRequestError", details: { code } });
    expect(String(error)).not.toContain(said);
    expect(upstream.asked).toHaveLength(1);
  });

  it("that says nothing at all is given up after its time", async () => {
    upstream.behave = () => true;
    await expect(ask({}, { silenceMs: 50 })).rejects.toMatchObject({
      reason: "upstream_timeout",
      message: "the upstream said nothing for 0.05 s",
    });
    expect(upstream.asked).toHaveLength(3);
  });

  it.each([
    ["stalls", () => {}, { reason: "upstream_timeout" }],
    ["breaks off", (response) => response.destroy(), { reason: "upstream_failed" }],
    ["ends early", (response) => response.end(), { message: "the upstream broke off in mid-answer" }],
    [
      "sends an error",
      (response) => {
        say(response, { error: { message: "out of memory", type: "server_error" } });
        response.end();
      },
      { message: expect.stringContaining("out of memory") },
    ],
    ["talks nonsense", (response) => response.end("data: <html>\n\n"), { reason: "upstream_failed" }],
  ] satisfies [string, (response: import("node:http").ServerResponse) => void, object][])(
    "that %s in mid-answer ends it with an error, and is not asked again",
    async (_what, misbehave, expected) => {
      upstream.behave = async (response) => {
        begin(response);
        sayText(response, "Hel");
        await eventually("the beginning has come", () => pieces.length > 0);
        misbehave(response);
        return true;
      };
      const pieces: string[] = [];
      const model = new OpenAiModel({ ...settings, silenceMs: 200 });
      const reading = (async () => {
        const { signal } = new AbortController();
        const request = { prompt: "hello", messages: [], thinking: false, emitted: [] };
        for await (const piece of model.stream(request, signal)) pieces.push(String(piece));
      })();
      await expect(reading).rejects.toMatchObject(expected);
      expect(pieces).toEqual(["Hel"]);
      expect(upstream.asked).toHaveLength(1);
    },
  );

  it("that gives another answer cannot be gone on with", async () => {
    await expect(ask({ emitted: ["Good", " day"] })).rejects.toMatchObject({
      message: expect.stringMatching(/gave another answer/),
    });
    const { text } = await ask({ emitted: ["Hello", "! I"] });
    expect(textOf(["Hello", "! I"]) + text).toBe(GREETING);
  });

  it("elsewhere is never sent to, since it would get the key", async () => {
    upstream.behave = (response) => {
      response.writeHead(307, { location: "http://127.0.0.1:9/v1/chat/completions" }).end();
      return true;
    };
    await expect(ask()).rejects.toMatchObject({ reason: "upstream_failed" });
  });

  it("that is not there is an error that says so", async () => {
    await expect(ask({}, { baseUrl: "http://127.0.0.1:9/v1" })).rejects.toMatchObject({
      reason: "upstream_failed",
      message: expect.stringMatching(/the connection to the upstream failed: /),
    });
  });
});

describe("the settings of upstreams", () => {
  it("are OpenAI's by default, which needs a key", () => {
    expect(upstreamSettings({ OPENAI_API_KEY: KEY }, "gpt-4o")).toEqual({
      model: "gpt-4o",
      baseUrl: "https://api.openai.com/v1",
      key: KEY,
      silenceMs: 30_000,
      limit: "max_completion_tokens",
    });
    expect(() => upstreamSettings({}, "gpt-4o")).toThrow(/OPENAI_API_KEY is not set/);
  });

  it("may be another's, with a key or without", () => {
    const env = { OPENAI_BASE_URL: "http://127.0.0.1:8080/v1/", CHAT_OPENAI_SILENCE: "5" };
    expect(upstreamSettings(env, "llama3.1:8b")).toEqual({
      model: "llama3.1:8b",
      baseUrl: "http://127.0.0.1:8080/v1",
      silenceMs: 5000,
      limit: "max_tokens",
    });
  });

  it.each([
    [{ OPENAI_BASE_URL: "localhost" }, /OPENAI_BASE_URL must be an address .*not "localhost"/],
    [{ OPENAI_BASE_URL: "ftp://user:pass@a/" }, /^(?!.*pass).*not "ftp:\/\/…@a\/"/],
    [{ OPENAI_BASE_URL: "user:pass@a" }, /^(?!.*pass)/],
    [
      { OPENAI_BASE_URL: "http://user:pass@a/v1", OPENAI_API_KEY: KEY },
      /^(?!.*pass).*reads only one of them/,
    ],
    [{ OPENAI_BASE_URL: "http://user:50%@a/v1" }, /^(?!.*50%).*write a % as %25/],
    [{ OPENAI_BASE_URL: "ftp://a/" }, /OPENAI_BASE_URL must be an address/],
    [{ OPENAI_API_KEY: `${KEY} ` }, /^(?!.*sk-)OPENAI_API_KEY has a character/],
    [
      { OPENAI_BASE_URL: "http://a/v1", CHAT_OPENAI_SILENCE: "0" },
      /CHAT_OPENAI_SILENCE must be whole seconds/,
    ],
  ])("%j is refused", (env, reason) => {
    expect(() => upstreamSettings(env, "m")).toThrow(reason);
  });
});
