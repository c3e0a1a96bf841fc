import { mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import {
  eventually,
  isAlive,
  type RunningServer,
  removeFolder,
  startServer,
  temporaryFolder,
} from "../../../server/test/integration/harness.ts";
import { answerTo } from "../../src/models/answers.ts";
import { HAS_LLAMA, NO_LLAMA, TinyLlama } from "../models/llama/tiny-llama.ts";
import { SAYS } from "../models/llama/tiny-model.ts";
import { FakeUpstream, refuse } from "../models/openai/fake-upstream.ts";
import { writeTinyEncoder } from "../models/transformers/tiny-encoder.ts";
import {
  HAS_TRANSFORMERS,
  NO_TRANSFORMERS,
  TinyTransformers,
} from "../models/transformers/tiny-transformers.ts";
import { post, textOf } from "./http-client.ts";

const SCRIPT = fileURLToPath(new URL("../../bin/chat.mjs", import.meta.url));
const KEY = "sk-not-a-real-key";
const GREETING = answerTo("hello").join("");

let server: RunningServer | undefined;
let folder: string | undefined;
let upstream: FakeUpstream | undefined;
let tiny: TinyLlama | TinyTransformers | undefined;

/** Starts the chat as npm start does, once all is built. */
async function start(args: readonly string[], env: Record<string, string> = {}, until?: string) {
  folder = temporaryFolder();
  server = await startServer({
    script: SCRIPT,
    args: ["--workers", "1", ...args],
    env: {
      CHAT_TOKEN_DELAY_MS: "0",
      CHAT_LLAMA_GPU: "off",
      CHAT_LLAMA_THREADS: "1",
      CHAT_TRANSFORMERS_THREADS: "1",
      OPENAI_API_KEY: "",
      ...env,
    },
    cwd: folder,
    ...(until !== undefined && { until }),
  });
  return server;
}

async function ask(url: string, model: string | undefined, prompt = "hello"): Promise<string> {
  return textOf((await post(`${url}/chat`, { prompt, ...(model && { model }) })).text);
}

async function modelsOf(url: string): Promise<string[]> {
  const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}

async function readyApps(url: string): Promise<string[]> {
  const { apps } = (await (await fetch(`${url}/readyz`)).json()) as { apps: { app: string }[] };
  return apps.map(({ app }) => app);
}

afterEach(async () => {
  await server?.stop();
  if (folder !== undefined) removeFolder(folder);
  tiny?.remove();
  await upstream?.stop();
  [server, folder, tiny, upstream] = [undefined, undefined, undefined, undefined];
});

describe("chat --model", () => {
  it("offers each model as an app of its own, the first by default, also after a reload; it wins over CHAT_MODELS", async () => {
    const { url, logged, signal, pids } = await start(
      ["--model", "first=simulated", "--model=llama3.1:8b=simulated"],
      { CHAT_MODELS: "other=simulated" },
    );
    for (const reloads of [0, 1]) {
      if (reloads > 0) {
        const old = pids("http worker");
        signal("SIGHUP");
        await logged("reloaded in ");
        // Their connections end with them; until then a request could go out on one that is just being closed.
        await eventually("the old HTTP workers have ended", () => !old.some(isAlive));
      }
      expect(await modelsOf(url)).toEqual(["first", "llama3.1:8b"]);
      expect(await ask(url, undefined)).toBe(GREETING);
      expect(await ask(url, "llama3.1:8b")).toBe(GREETING);
      expect(await readyApps(url)).toEqual(["chat-app?first:ChatApp", "chat-app?llama3.1%3A8b:ChatApp"]);
    }
  });

  it("serves GGUF files, two of them beside each other", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    tiny = new TinyLlama();
    const { url, log } = await start([
      "--model",
      `llama:${tiny.file}`,
      "--model",
      `other=llama:${tiny.file}`,
    ]);
    expect(await modelsOf(url)).toEqual(["tiny", "other"]);
    // The model leaves out a few words by chance, and repeats none.
    const words = new Set(SAYS.split(/[ ,.:]+/));
    for (const model of ["tiny", "other"]) {
      const answer = await ask(url, model);
      expect(answer.slice(-13)).toBe("large umbrella".slice(-13));
      expect(answer.split(/[ ,.:]+/).filter((word) => words.has(word)).length).toBeGreaterThan(15);
    }
    expect(log()).toContain(
      "tiny.gguf is loaded, on the processor, for 4 answers at once of 2048 tokens each, with 1 thread,",
    );
    expect((await readyApps(url)).map((app) => app.replace(/^.*\//, ""))).toEqual([
      "llama-app?tiny:LlamaApp",
      "llama-app?other:LlamaApp",
    ]);
  });

  it("serves ONNX models: several answers at once, and embeddings", async ({ skip }) => {
    if (!HAS_TRANSFORMERS) skip(NO_TRANSFORMERS);
    tiny = new TinyTransformers();
    const encoder = path.join(tiny.folder, "encoder");
    mkdirSync(encoder);
    writeTinyEncoder(encoder);
    const { url, log } = await start([
      ...["--model", `onnx=transformers:${tiny.folder}`],
      ...["--model", `transformers:${encoder}`],
    ]);
    expect(await modelsOf(url)).toEqual(["onnx", "encoder"]);
    const embedded = await post(`${url}/v1/embeddings`, { model: "encoder", input: ["a", "bc"] });
    expect(JSON.parse(embedded.text)).toMatchObject({
      data: [{ embedding: [expect.any(Number), expect.any(Number)] }, { index: 1 }],
      usage: { prompt_tokens: 3 },
    });
    expect((await post(`${url}/chat`, { prompt: "hello", model: "encoder" })).status).toBe(422);
    const greedy = { model: "onnx", temperature: 0, messages: [{ role: "user", content: "hello" }] };
    const asked = Array.from({ length: 6 }, () => post(`${url}/v1/chat/completions`, greedy));
    for (const { text } of await Promise.all(asked)) {
      expect(JSON.parse(text)).toMatchObject({
        choices: [{ message: { content: SAYS }, finish_reason: "stop" }],
        usage: { completion_tokens: 48 },
      });
    }
    expect(log()).toContain(`${path.basename(tiny.folder)} is loaded, for 2048 tokens at once`);
    expect((await readyApps(url)).map((app) => app.replace(/^.*\//, ""))).toEqual([
      "transformers-app?onnx:TransformersApp",
      "transformers-app?encoder:TransformersApp",
    ]);
  });

  it("puts an OpenAI-compatible API behind the chat, and tells clients nothing of its errors", async () => {
    upstream = new FakeUpstream();
    const args = ["--model", "openai:gpt-4o", "--openai-base-url", await upstream.start()];
    const { url, log } = await start(args, { OPENAI_API_KEY: KEY });
    expect(await modelsOf(url)).toEqual(["gpt-4o"]);
    expect(await ask(url, "gpt-4o")).toBe(GREETING);
    upstream.behave = (response) => {
      refuse(response, 401, `no such key: ${KEY}`);
      return true;
    };
    const refused = await post(`${url}/chat`, { prompt: "hello" });
    expect(refused.status).toBe(502);
    expect(refused.text).toContain("The model's provider refuses this server.");
    await eventually("the log says why", () => log().includes("the upstream answered 401"));
    expect(log() + refused.text).not.toContain(KEY);
  });

  it.each([
    [["--model"], /--model needs a value/],
    [["--model", "gpt-9"], /CHAT_MODELS: no model "gpt-9" is built in; write simulated or llama:FILE\.gguf/],
    [["--model", "openai:gpt-4o"], /OPENAI_API_KEY is not set/],
    [["--model", "transformers:./nowhere"], /there is no model in \/.*\/nowhere\. It is a folder with/],
    [["--model", "llama:./nowhere.gguf"], /there is no model at \/.*\/nowhere\.gguf/],
  ])("%j ends the start with the reason", async (args, reason) => {
    const { exited, log } = await start(args, {}, "");
    expect((await exited()).code).not.toBe(0);
    await eventually("it says why", () => reason.test(log()));
  });
});
