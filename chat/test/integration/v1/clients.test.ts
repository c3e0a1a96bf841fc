/** What people's programs see who use the clients that the world uses. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { HumanMessage, SystemMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { embedMany, generateText, streamText } from "ai";
import OpenAI, {
  APIConnectionError,
  APIError,
  APIUserAbortError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../../../server/test/integration/free-port.ts";
import { removeFolder } from "../../../../server/test/integration/harness.ts";
import { answerTo } from "../../../src/models/answers.ts";
import { type Chat, startChat } from "../start-chat.ts";
import { noted, SCRIPTED, scriptedFolder } from "./scripted-models.ts";

const GREETING = answerTo("hello").join("");
const HELLO = [{ role: "user" as const, content: "hello" }];

let chat: Chat;
let folder: string;
let ids = 0;

/** Has the tests of a block share one server. */
function serve(...args: string[]): void {
  beforeAll(async () => {
    folder = scriptedFolder();
    const env = { CHAT_TOKEN_DELAY_MS: "0", CHAT_MODELS: SCRIPTED };
    chat = await startChat({ args, env, cwd: folder });
  });
  afterAll(async () => {
    await chat.stop();
    removeFolder(folder);
  });
}

/** A client whose requests carry an id, and which notes the statuses that it gets. */
function openai(options: { maxRetries?: number } = {}) {
  const statuses: number[] = [];
  const id = `client-${++ids}`;
  const client = new OpenAI({
    apiKey: "any",
    baseURL: `${chat.url}/v1`,
    maxRetries: 0,
    defaultHeaders: { "x-request-id": id },
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      statuses.push(response.status);
      return response;
    },
    ...options,
  });
  return { client, statuses, id };
}

function compatible(id = `client-${++ids}`) {
  return createOpenAICompatible({
    name: "tsunicorn",
    apiKey: "any",
    baseURL: `${chat.url}/v1`,
    includeUsage: true,
    headers: { "x-request-id": id },
  });
}

function langchain(model: string, id = `client-${++ids}`) {
  return new ChatOpenAI({
    model,
    apiKey: "any",
    maxRetries: 0,
    configuration: { baseURL: `${chat.url}/v1`, defaultHeaders: { "x-request-id": id } },
  });
}

const say = (content: string) => ({ model: "scripted", messages: [{ role: "user" as const, content }] });

/** What it asked for would go on for ever. */
async function expectToHaveStopped(id: string): Promise<void> {
  await noted(folder, id, "ended");
}

describe("with one server", () => {
  serve();

  describe("openai", () => {
    it("streams an answer, with its thinking and what it took", async () => {
      const { client } = openai();
      const stream = await client.chat.completions.create({
        model: "simulated",
        messages: HELLO,
        stream: true,
        reasoning_effort: "low",
        stream_options: { include_usage: true },
      });
      let text = "";
      let thinking = "";
      const ends: (string | null)[] = [];
      let usage: OpenAI.CompletionUsage | null | undefined;
      for await (const chunk of stream) {
        const choice = chunk.choices[0];
        text += choice?.delta.content ?? "";
        const delta = (choice?.delta ?? {}) as { reasoning_content?: string };
        thinking += delta.reasoning_content ?? "";
        if (choice?.finish_reason != null) ends.push(choice.finish_reason);
        usage = chunk.usage ?? usage;
      }
      expect({ text, thinking, ends }).toEqual({ text: GREETING, thinking: "thinking...", ends: ["stop"] });
      const tokens = answerTo("hello").length + 4;
      expect(usage).toEqual({ prompt_tokens: 1, completion_tokens: tokens, total_tokens: tokens + 1 });
    });

    it("gets an answer in one piece, and its helpers put a stream together", async () => {
      const { client, id } = openai();
      const request = { model: "simulated", messages: HELLO, max_completion_tokens: 3 };
      const whole = await client.chat.completions.create(request);
      expect(whole.choices[0]).toMatchObject({ message: { content: "Hello! " }, finish_reason: "length" });
      expect(whole._request_id).toBe(id);
      const streamed = await client.chat.completions.stream(request).finalChatCompletion();
      expect(streamed.choices[0]?.message.content).toBe("Hello! ");
      const old = await client.completions.create({ model: "simulated", prompt: "hello", max_tokens: 1 });
      expect(old.choices[0]?.text).toBe("Hello");
    });

    it("lists models, finds one by its name, and embeds", async () => {
      const { client } = openai();
      const names: string[] = [];
      for await (const { id } of client.models.list()) names.push(id);
      expect(names).toEqual(["simulated", "scripted", "org/embedder", "judge", "tooled"]);
      expect((await client.models.retrieve("org/embedder")).id).toBe("org/embedder");
      const { data } = await client.embeddings.create({ model: "org/embedder", input: ["abc"] });
      expect(data[0]?.embedding).toEqual([3, 0.5, -0.25]);
    });

    it("gets the calls of tools where the model has them, streamed or not", async () => {
      const { client } = openai();
      const request = {
        model: "tooled",
        messages: HELLO,
        tools: [{ type: "function" as const, function: { name: "look_up", parameters: {} } }],
        tool_choice: "required" as const,
      };
      const call = {
        id: "call_1",
        type: "function",
        function: { name: "look_up", arguments: '{"prompt":"hello","toolChoice":"required"}' },
      };
      for (const completion of [
        await client.chat.completions.create(request),
        await client.chat.completions.stream(request).finalChatCompletion(),
      ]) {
        const [choice] = completion.choices;
        expect(choice?.finish_reason).toBe("tool_calls");
        expect(choice?.message.content).toBeNull();
        expect(choice?.message.tool_calls).toMatchObject([call]);
      }
    });

    it("throws errors of the classes that programs look for", async () => {
      const { client } = openai();
      const create = (body: object) =>
        client.chat.completions.create({ model: "simulated", messages: HELLO, ...body });
      await expect(create({ temperature: 9 })).rejects.toThrow(BadRequestError);
      await expect(create({ temperature: 9 })).rejects.toMatchObject({ status: 400, param: "temperature" });
      await expect(create({ tools: [{ type: "function", function: { name: "f" } }] })).rejects.toThrow(
        "This model does not support tools.",
      );
      await expect(create({ model: "gpt-9" })).rejects.toThrow(NotFoundError);
      await expect(create({ model: "gpt-9" })).rejects.toMatchObject({ code: "model_not_found" });
      await expect(create(say("fail"))).rejects.toThrow(InternalServerError);
      await expect(client.models.retrieve("gpt-9")).rejects.toThrow(NotFoundError);
      const absent = new OpenAI({
        apiKey: "any",
        baseURL: `http://127.0.0.1:${await freePort()}/v1`,
        maxRetries: 0,
      });
      await expect(absent.models.list()).rejects.toThrow(APIConnectionError);
    });

    it("throws what goes wrong in mid-stream", async () => {
      const { client } = openai();
      const stream = await client.chat.completions.create({ ...say("one fail"), stream: true });
      let text = "";
      const read = async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      };
      await expect(read()).rejects.toMatchObject({ code: "app_error", type: "server_error" });
      await expect(read()).rejects.toThrow();
      expect(text).toBe("one");
      expect(APIError.prototype).toBeInstanceOf(Error);
    });

    it("ends its loop quietly on abort, and the model stops", async () => {
      const { client, id } = openai();
      const stream = await client.chat.completions.create({ ...say("one hang"), stream: true });
      for await (const chunk of stream) {
        if (chunk.choices[0]?.delta.content !== "one") continue;
        stream.controller.abort();
      }
      await expectToHaveStopped(id);
    });

    it("throws an abort before the first token, and the model stops", async () => {
      const { client, id } = openai();
      const gone = new AbortController();
      const reply = client.chat.completions.create(say("hang"), { signal: gone.signal });
      const outcome = expect(reply).rejects.toThrow(APIUserAbortError);
      await noted(folder, id, "began");
      gone.abort();
      await outcome;
      await expectToHaveStopped(id);
    });
  });

  describe("ai with @ai-sdk/openai-compatible", () => {
    it("streams an answer, with its thinking and what it took", async () => {
      const result = streamText({
        model: compatible()("simulated"),
        prompt: "hello",
        providerOptions: { tsunicorn: { reasoningEffort: "low" } },
      });
      let text = "";
      let thinking = "";
      for await (const part of result.fullStream) {
        if (part.type === "text-delta") text += part.text;
        if (part.type === "reasoning-delta") thinking += part.text;
        if (part.type === "error") throw part.error;
      }
      expect({ text, thinking }).toEqual({ text: GREETING, thinking: "thinking..." });
      expect(await result.finishReason).toBe("stop");
      const tokens = answerTo("hello").length + 4;
      expect(await result.usage).toMatchObject({ inputTokens: 1, outputTokens: tokens });
    });

    it("gets an answer in one piece, of no more tokens than it wants, and embeds", async () => {
      const { text, finishReason, usage } = await generateText({
        model: compatible()("simulated"),
        system: "Be brief.",
        prompt: "hello",
        maxOutputTokens: 2,
      });
      expect({ text, finishReason }).toEqual({ text: "Hello!", finishReason: "length" });
      expect(usage).toMatchObject({ inputTokens: 5, outputTokens: 2 });
      const model = compatible().textEmbeddingModel("org/embedder");
      expect((await embedMany({ model, values: ["abc", "a"] })).embeddings).toEqual([
        [3, 0.5, -0.25],
        [1, 0.5, -0.25],
      ]);
    });

    it("ends with an abort part on abort, and the model stops", async () => {
      const id = `client-${++ids}`;
      const gone = new AbortController();
      const result = streamText({
        model: compatible(id)("scripted"),
        prompt: "one hang",
        abortSignal: gone.signal,
        maxRetries: 0,
      });
      const types: string[] = [];
      for await (const part of result.fullStream) {
        types.push(part.type);
        if (part.type !== "text-delta") continue;
        gone.abort();
      }
      expect(types.at(-1)).toBe("abort");
      await expectToHaveStopped(id);
    });

    it("says why a request was refused, and what went wrong in mid-stream", async () => {
      const refused = generateText({ model: compatible()("gpt-9"), prompt: "hello", maxRetries: 0 });
      await expect(refused).rejects.toThrow("The model `gpt-9` does not exist.");
      const { fullStream } = streamText({
        model: compatible()("scripted"),
        prompt: "one fail",
        maxRetries: 0,
        onError: () => {},
      });
      const errors: unknown[] = [];
      for await (const part of fullStream) if (part.type === "error") errors.push(part.error);
      expect(JSON.stringify(errors)).toContain("The model failed to answer.");
    });
  });

  describe("@langchain/openai", () => {
    it("streams an answer, gets one in one piece, and knows what it took", async () => {
      let text = "";
      for await (const chunk of await langchain("simulated").stream("hello")) text += chunk.text;
      expect(text).toBe(GREETING);
      const said = await langchain("simulated").invoke([
        new SystemMessage("Be brief."),
        new HumanMessage("hello"),
      ]);
      expect(said.text).toBe(GREETING);
      expect(said.usage_metadata).toMatchObject({ input_tokens: 5, output_tokens: answerTo("hello").length });
      expect(said.response_metadata.finish_reason).toBe("stop");
    });

    it("embeds", async () => {
      const embeddings = new OpenAIEmbeddings({
        model: "org/embedder",
        apiKey: "any",
        configuration: { baseURL: `${chat.url}/v1` },
      });
      expect(await embeddings.embedQuery("abc")).toEqual([3, 0.5, -0.25]);
    });

    it("throws an AbortError on abort, and the model stops", async () => {
      const id = `client-${++ids}`;
      const gone = new AbortController();
      const read = async () => {
        for await (const chunk of await langchain("scripted", id).stream("one hang", {
          signal: gone.signal,
        })) {
          if (chunk.text !== "one") continue;
          gone.abort();
        }
      };
      await expect(read()).rejects.toMatchObject({ name: "AbortError" });
      await expectToHaveStopped(id);
    });

    it("throws what the server refuses", async () => {
      await expect(langchain("gpt-9").invoke("hello")).rejects.toThrow("The model `gpt-9` does not exist.");
    });
  });
});

describe("a client that comes at a bad time", () => {
  serve("--dirty-queue-size", "1", "--dirty-queue-timeout", "3");

  it("is told 429, waits as long as it is told, and tries again by itself", async () => {
    const holding = openai();
    const running = await holding.client.chat.completions.create({ ...say("one hang"), stream: true });
    const waiting = openai();
    const queued = waiting.client.chat.completions.create(say("queued")).catch((error: unknown) => error);
    // What came before is read before what is answered later.
    for (let later = 0; later < 3; later++) expect((await fetch(`${chat.url}/health`)).status).toBe(200);
    // The queue has one place.
    await expect(openai().client.chat.completions.create(say("a"))).rejects.toThrow(RateLimitError);
    const { client, statuses } = openai({ maxRetries: 2 });
    const began = performance.now();
    const patient = client.chat.completions.create(say("well"));
    await expect.poll(() => statuses, { interval: 10, timeout: 50_000 }).toEqual([429]);
    running.controller.abort();
    expect((await patient).choices[0]?.message.content).toBe("well");
    expect(statuses).toEqual([429, 200]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(990);
    expect(await queued).toMatchObject({ choices: [{ message: { content: "queued" } }] });
  });

  it("is told 503 when it waited too long, and tries again by itself", async () => {
    const running = await openai().client.chat.completions.create({ ...say("one hang"), stream: true });
    await expect(openai().client.chat.completions.create(say("a"))).rejects.toMatchObject({
      status: 503,
      code: "queue_timeout",
    });
    const { client, statuses } = openai({ maxRetries: 2 });
    const patient = client.chat.completions.create(say("well"));
    await expect.poll(() => statuses, { interval: 10, timeout: 50_000 }).toEqual([503]);
    running.controller.abort();
    expect((await patient).choices[0]?.message.content).toBe("well");
    expect(statuses).toEqual([503, 200]);
  });
});
