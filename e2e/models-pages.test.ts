import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTinyModel } from "../chat/test/models/llama/tiny-model.ts";
import { freePort } from "../server/test/integration/free-port.ts";
import { ask, type Chat, startChat } from "./support/chat.ts";
import { Command, repository, runCommand, untilReady } from "./support/command.ts";
import {
  blocks,
  commandsOf,
  curlExamples,
  filesOf,
  hasCurl,
  NO_CURL,
  outputPattern,
  page,
  section,
  shell,
} from "./support/examples.ts";
import { waitFor } from "./support/wait.ts";

const NO_LLAMA = "node-llama-cpp is not installed; npm run llama does it";
const hasLlama = existsSync(join(repository, ".cache/llama/node_modules/node-llama-cpp"));

/** A folder in which programs find the packages that are installed here, as in a project that has them. */
function project(): string {
  const folder = mkdtempSync(join(tmpdir(), "tsunicorn-models-"));
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
  symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
  return folder;
}

describe("docs/openai-api.md", () => {
  const PAGE = page("docs/openai-api.md");
  const programs = blocks(PAGE).filter(({ language }) => language === "js");
  let chat: Chat;
  let folder: string;
  let here: (text: string) => string;

  beforeAll(async () => {
    folder = project();
    for (const [name, text] of filesOf(PAGE)) writeFileSync(join(folder, name), text);
    const mine = `mine=${join(folder, "my-model.ts")}:MyModel`;
    chat = await startChat({ CHAT_TOKEN_DELAY_MS: "0" }, "--model", "simulated", "--model", mine);
    here = (text) => text.replaceAll("localhost:8000", new URL(chat.url).host);
  });

  afterAll(async () => {
    await chat?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("answers curl as it says", async ({ skip }) => {
    skip(!hasCurl, NO_CURL);
    const [example, ...others] = curlExamples(section("docs/openai-api.md", "With curl"));
    expect(others).toEqual([]);
    const [{ text = "" } = {}] = blocks(section("docs/openai-api.md", "With curl"));
    expect(await shell(here(text), folder)).toMatch(outputPattern(example?.output ?? ""));
  });

  it("shows a program for each of three clients", () => {
    expect(programs.map(({ text }) => /from "(.*?)"/.exec(text)?.[1])).toEqual([
      "openai",
      "@ai-sdk/openai-compatible",
      "@langchain/openai",
    ]);
  });

  it.for([0, 1, 2])("shows programs that print the answer: number %i", async (number) => {
    writeFileSync(join(folder, "program.js"), here(programs[number]?.text ?? ""));
    const printed = await runCommand(process.execPath, ["program.js"], {
      cwd: folder,
      env: { no_proxy: "127.0.0.1" },
      deadline: 60_000,
    });
    expect(printed).toBe(await ask(chat.url, "hello"));
  });

  it("shows a model that the compiler's strict checks pass, and that answers and embeds", async () => {
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: "ES2023",
      lib: ["ES2023"],
      module: "NodeNext",
      skipLibCheck: true,
      types: ["node"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["my-model.ts"] }));
    const tsc = join(repository, "node_modules/typescript/bin/tsc");
    expect(await runCommand(process.execPath, [tsc, "--project", "."], { cwd: folder })).toBe("");

    const send = async (route: string, body: object) => {
      const response = await fetch(`${chat.url}/v1/${route}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "mine", ...body }),
      });
      return await response.json();
    };
    expect(await send("chat/completions", { messages: [{ role: "user", content: "hello" }] })).toMatchObject({
      choices: [{ message: { content: "You said hello.", reasoning_content: "Of 0 messages" } }],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    });
    expect(await send("embeddings", { input: ["a", "bcd"] })).toMatchObject({
      data: [{ embedding: [1] }, { embedding: [3] }],
      usage: { prompt_tokens: 2 },
    });
  });
});

describe("docs/models.md", () => {
  const starts = commandsOf(page("docs/models.md"))
    .map((line) => line.replace(/\s+#.*$/, ""))
    .filter((line) => line.includes("npm start"));
  let folder: string;

  beforeAll(() => {
    folder = project();
    for (const name of ["model", "small", "big"]) writeTinyModel(join(folder, `${name}.gguf`));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("starts the chat with settings that are good, each time", async () => {
    const flags = new Set(starts.map((line) => line.replace(/^.*npm start -- /, "")));
    expect(flags.size).toBeGreaterThan(5);
    const chat = `${process.execPath} ${join(repository, "chat/bin/chat.mjs")}`;
    for (const each of flags) {
      expect(await shell(`${chat} ${each} --check-config`, folder), each).toBe("configuration is valid\n");
    }
  });

  it("runs two GGUF files in as many workers as it says, which its commands show and change", async ({
    skip,
  }) => {
    skip(!hasLlama, NO_LLAMA);
    const part = section("docs/models.md", "Several at once");
    const [start = ""] = commandsOf(part).map((line) => line.replace(/\s+#.*$/, ""));
    const [show = "", more = "", fewer = ""] = commandsOf(part).filter((line) =>
      line.startsWith("tsunicorn"),
    );
    const port = await freePort();
    const temporary = join(folder, "tmp");
    mkdirSync(temporary);
    const env = { TMPDIR: temporary, CHAT_LLAMA_GPU: "off", CHAT_LLAMA_THREADS: "1" };
    const flags = start.replace(/^npm start -- /, "").split(/\s+/);
    const script = join(repository, "chat/bin/chat.mjs");
    const server = new Command(process.execPath, [script, ...flags, "--bind", `127.0.0.1:${port}`], {
      cwd: folder,
      env,
    });
    const path = `${join(repository, "node_modules/.bin")}${delimiter}$PATH`;
    const ctl = (line: string) => shell(`export TMPDIR='${temporary}' PATH="${path}"; ${line}`, folder);
    const workers = (count: number, name: string) =>
      waitFor(
        `${count} workers of ${name}`,
        async () =>
          (await ctl(show)).match(new RegExp(`ready.*llama-app\\?${name}:LlamaApp$`, "gm"))?.length === count,
        60_000,
      );
    try {
      await untilReady(server, `http://127.0.0.1:${port}`, 60_000);
      await workers(2, "small");
      await workers(1, "big");
      expect(await ctl(more)).toBe("3 dirty workers of small from now on.\n");
      await workers(3, "small");
      expect(await ctl(fewer)).toBe("2 dirty workers of small from now on.\n");
      await workers(2, "small");
      server.signal("SIGTERM");
      expect(await server.ended).toBe(0);
    } finally {
      server.clear();
    }
  }, 300_000);
});
