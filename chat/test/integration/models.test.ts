import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ctlJson } from "../../../server/test/integration/ctl-command.ts";
import {
  eventually,
  isAlive,
  type RunningServer,
  removeFolder,
  startServer,
  temporaryFolder,
} from "../../../server/test/integration/harness.ts";
import { open } from "../../../server/test/integration/http-tools.ts";
import { answerTo } from "../../src/models/answers.ts";
import { post, textOf } from "./http-client.ts";
import { askResumable, idOf, numberedEvents, readOn } from "./resuming-client.ts";
import { type Chat, startChat, startChatArgs } from "./start-chat.ts";

const ECHO = `
import { DirtyApp } from "tsunicorn";

export class Echo extends DirtyApp {
  async *generate(...args) {
    yield "echo";
    yield JSON.stringify(args);
  }
}
`;

const GREETING = answerTo("hello").join("");

let chat: Chat;
let folder: string;

async function ask(body: object): Promise<string> {
  return textOf((await post(`${chat.url}/chat`, body)).text);
}

describe("two models", () => {
  beforeAll(async () => {
    folder = temporaryFolder({ "echo.mjs": ECHO });
    const env = { CHAT_TOKEN_DELAY_MS: "0", CHAT_MODELS: "simulated,my-echo=./echo:Echo" };
    chat = await startChat({ env, cwd: folder });
  });

  afterAll(async () => {
    await chat.stop();
    removeFolder(folder);
  });

  it("are listed as OpenAI lists them, the default first, the same each time", async () => {
    const response = await fetch(`${chat.url}/v1/models`);
    expect(response.status).toBe(200);
    const text = await response.text();
    const model = { object: "model", created: 1_767_225_600, owned_by: "tsunicorn" };
    expect(JSON.parse(text)).toEqual({
      object: "list",
      data: [
        { id: "simulated", ...model },
        { id: "my-echo", ...model },
      ],
    });
    expect(await (await fetch(`${chat.url}/v1/models`)).text()).toBe(text);
  });

  it("answer those who ask for them, the first where the request names none", async () => {
    expect(await ask({ prompt: "hello" })).toBe(GREETING);
    expect(await ask({ prompt: "hello", model: "simulated" })).toBe(GREETING);
    expect(await ask({ prompt: "hello", model: "my-echo" })).toBe('echo["hello",false]');
    const messages = [{ role: "user", content: "hi" }];
    expect(await ask({ prompt: "hello", model: "my-echo", thinking: true, messages })).toBe(
      'echo["hello",true,[{"role":"user","content":"hi"}]]',
    );
    const sync = await post(`${chat.url}/chat/sync`, { prompt: "a", model: "my-echo" });
    expect(JSON.parse(sync.text)).toEqual({ response: 'echo["a",false]' });
  });

  it("are named to those who ask for another", async () => {
    const { status, text } = await post(`${chat.url}/chat`, { prompt: "hello", model: "gpt-9" });
    expect(status).toBe(422);
    expect(JSON.parse(text)).toEqual({
      detail: [
        {
          loc: ["body", "model"],
          msg: "Input should be 'simulated' or 'my-echo'",
          type: "literal_error",
          ctx: { expected: "'simulated' or 'my-echo'" },
        },
      ],
    });
  });

  it("have answers that can be resumed, whichever it is", async () => {
    for (const model of ["simulated", "my-echo"]) {
      const first = await askResumable(chat, "hello", { model });
      await first.ended();
      const all = numberedEvents(first.text);
      expect(all.end).toBe("[DONE]");
      const rest = await readOn(chat, idOf(first), 1);
      await rest.ended();
      expect(numberedEvents(rest.text)).toEqual({ ...all, tokens: all.tokens.slice(1) });
    }
  });

  it("must both be there for the chat to be ready, and are after a reload", async () => {
    for (const reloads of [0, 1]) {
      if (reloads > 0) {
        const old = chat.pids("http worker");
        chat.signal("SIGHUP");
        await chat.logged("reloaded in ");
        // Their connections end with them; until then a request could go out on one that is just being closed.
        await eventually("the old HTTP workers have ended", () => !old.some(isAlive));
        expect(await ask({ prompt: "b", model: "my-echo" })).toBe('echo["b",false]');
      }
      const { status, apps } = (await (await fetch(`${chat.url}/readyz`)).json()) as {
        status: string;
        apps: { app: string; workers: number }[];
      };
      expect(status).toBe("ready");
      expect(apps.map(({ app, workers }) => [app.replace(/^.*\//, ""), workers])).toEqual([
        ["chat-app:ChatApp", 1],
        ["echo:Echo", 1],
      ]);
    }
  });

  it("are in the API's description", async () => {
    const { paths } = JSON.parse(await (await fetch(`${chat.url}/openapi.json`)).text());
    for (const path of ["/chat", "/chat/sync"]) {
      const { schema } = paths[path].post.requestBody.content["application/json"];
      expect(schema.properties.model.enum).toEqual(["simulated", "my-echo"]);
      expect(schema.required).toEqual(["prompt"]);
    }
  });
});

describe("two models at once", () => {
  const TOKENS = 150;

  beforeAll(async () => {
    folder = temporaryFolder({ "echo.mjs": ECHO });
    const env = {
      CHAT_TOKEN_DELAY_MS: "15",
      CHAT_SIMULATED_TOKENS: String(TOKENS),
      CHAT_MODELS: "simulated,twice=simulated:2,my-echo=./echo:Echo",
    };
    chat = await startChat({ env, cwd: folder });
  });

  afterAll(async () => {
    await chat.stop();
    removeFolder(folder);
  });

  it("are in processes of their own, as many as each says, and an operator sees which", async () => {
    const { workers } = await ctlJson<{ workers: { apps: string[] }[] }>(chat, "show", "dirty");
    const names = workers.map(({ apps }) => apps.map((app) => app.replace(/^.*\//, "")).join(" and "));
    expect(names.sort()).toEqual([
      "chat-app:ChatApp",
      "chat-app?twice:ChatApp",
      "chat-app?twice:ChatApp",
      "echo:Echo",
    ]);
  });

  it("end no answer of each other when one of them is killed", async () => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ prompt: "hello", model: "simulated" });
    const answer = await open(chat, "/chat", { method: "POST", headers, body });
    await eventually("it began", () => answer.text.includes('"token"'));
    const [pid = 0, ...more] = chat.pids("dirty worker [Echo]");
    expect(more).toEqual([]);
    process.kill(pid, "SIGKILL");
    await chat.logged(`dirty worker ${pid} failed`);
    expect(answer.endedAt).toBeUndefined();
    await answer.ended(30_000);
    expect(answer.complete).toBe(true);
    const round = [...answerTo("hello"), "\n\n"];
    expect(textOf(answer.text)).toBe(
      Array.from({ length: TOKENS }, (_, index) => round[index % round.length]).join(""),
    );
    // Nor does its own end for long: another takes its place.
    expect(await ask({ prompt: "b", model: "my-echo" })).toBe('echo["b",false]');
  });
});

describe("a CHAT_MODELS that is wrong ends the start with its name and the reason", () => {
  it.each([
    ["gpt-9", /CHAT_MODELS: no model "gpt-9" is built in; write .*NAME=PATH:Class/],
    ["a=./nowhere:Echo", /no such file: .*nowhere/],
  ])("%s", async (models, reason) => {
    const cwd = temporaryFolder();
    let server: RunningServer | undefined;
    try {
      server = await startServer({ args: startChatArgs, env: { CHAT_MODELS: models }, cwd, until: "" });
      expect((await server.exited()).code).toBe(1);
      const said = server.errors;
      await eventually("it says why", () => said() !== "");
      expect(said()).toMatch(reason);
    } finally {
      await server?.stop();
      removeFolder(cwd);
    }
  });
});
