/** Models that are apps of the user's own: with `complete` alone, with `generate` alone, and with what is not text. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  eventually,
  removeFolder,
  startServer,
  temporaryFolder,
} from "../../../server/test/integration/harness.ts";
import { partsOf } from "../event-parts.ts";
import { eventsOf, post, textOf } from "./http-client.ts";
import { type Chat, startChat, startChatArgs } from "./start-chat.ts";

/** The app of the docs, as it stands there. */
const [, DOCS = ""] =
  /```ts\n\/\/ my-model\.ts.*?\n(.*?)```/s.exec(
    readFileSync(new URL("../../../docs/openai-api.md", import.meta.url), "utf8"),
  ) ?? [];

const WRONG = {
  undefined: "undefined",
  null: "null",
  number: "5",
  object: '{ token: "hi" }',
  bytes: 'Buffer.from("hi")',
  list: '["hi"]',
  boolean: "true",
  date: "new Date(0)",
  reasoning: "{ reasoning: 5 }",
  calls: '{ toolCalls: ["hi"] }',
  finish: '{ finish: { reason: "bored" } }',
  counts: '{ finish: { promptTokens: "many" } }',
};

const APPS = `
import { DirtyApp } from "tsunicorn";
const WRONG = { ${Object.entries(WRONG)
  .map(([name, code]) => `${name}: ${code}`)
  .join(", ")} };

export class Generates extends DirtyApp {
  async *generate(prompt) { yield "You said "; yield prompt + "."; }
}
export class Returns extends DirtyApp {
  async generate(prompt) { return "You said " + prompt + "."; }
  embed(inputs) { return { vectors: inputs.map((text) => Float32Array.of(text.length, 0.5)) }; }
}
export class Embeds extends DirtyApp {
  embed(inputs) { return { vectors: inputs.map((text) => [text.length]) }; }
}
export class Neither extends DirtyApp {
  hello() { return "hello"; }
}
export class WrongText extends DirtyApp {
  async *generate(prompt) { if (prompt.startsWith("late ")) yield "good "; yield WRONG[prompt.replace("late ", "")]; yield "more"; }
}
export class WrongPieces extends DirtyApp {
  async *complete({ prompt }) { if (prompt.startsWith("late ")) yield "good "; yield WRONG[prompt.replace("late ", "")]; yield "more"; }
  embed([text]) { return { text: { vectors: [["a"]] }, nan: { vectors: [[NaN]] }, few: { vectors: [] }, none: undefined, list: [[1]], empty: { vectors: [[]] } }[text]; }
}
export class Ends extends DirtyApp {
  async *complete() { yield "a"; yield { finish: {} }; }
}
`;

let chat: Chat;
let folder: string;

beforeAll(async () => {
  folder = temporaryFolder({
    "my-model.mjs": DOCS.replaceAll(/: \{ prompt.*?object \}\)/g, ")").replace(
      "(inputs: string[])",
      "(inputs)",
    ),
    "apps.mjs": APPS,
  });
  const own = ["generates", "returns", "embeds", "wrong-text", "wrong-pieces", "ends"].map((name) => {
    const type = name.replaceAll(/(^|-)(.)/g, (_, _dash, letter: string) => letter.toUpperCase());
    return `${name}=./apps:${type}`;
  });
  const env = {
    CHAT_MODELS: ["mine=./my-model:MyModel", "again=./my-model?again:MyModel", ...own].join(","),
  };
  chat = await startChat({ env, cwd: folder });
});

afterAll(async () => {
  await chat.stop();
  removeFolder(folder);
});

const ask = (path: string, body: object) => post(`${chat.url}${path}`, body);
const completion = (model: string, prompt: string, stream = false) =>
  ask("/v1/chat/completions", { model, stream, messages: [{ role: "user", content: prompt }] });

/** What must never reach a client. */
const LEAKS = /undefined|\[object|NaN/;

describe("the model of the docs, which has only `complete`", () => {
  test("answers on /chat and /chat/sync as on /v1", async () => {
    expect(textOf((await ask("/chat", { prompt: "hello", model: "mine" })).text)).toBe("You said hello.");
    const sync = await ask("/chat/sync", { prompt: "hello", model: "mine" });
    expect(JSON.parse(sync.text)).toEqual({ response: "You said hello." });
    const whole = JSON.parse((await completion("mine", "hello")).text);
    expect(whole.choices[0].message).toMatchObject({
      content: "You said hello.",
      reasoning_content: "Of 0 messages",
    });
  });

  test("shows its thinking where that is asked for", async () => {
    const body = { prompt: "hello", thinking: true, model: "mine" };
    const text = "[thinking\nOf 0 messages]\n\nYou said hello.";
    expect(textOf((await ask("/chat", body)).text)).toBe(text);
    expect(JSON.parse((await ask("/chat/sync", body)).text)).toEqual({ response: text });
  });

  test.for([true, false])("can be resumed from every place, thinking: %s", async (thinking) => {
    // Each by a model of its own: the first answer of one is asked for before it is known what it has.
    for (const model of ["again", "mine"]) {
      const { headers, text } = await ask("/chat", { prompt: "hi", thinking, model, resumable: true });
      const id = headers.get("x-stream-id") ?? "";
      expect(id).toMatch(/^str_/);
      const events = partsOf(text).filter(({ id }) => id !== undefined);
      const place = events.map(({ id }) => Number(id));
      expect(place.length).toBeGreaterThan(0);
      for (const after of [0, ...place]) {
        const read = await fetch(`${chat.url}/chat/streams/${id}`, {
          headers: { "last-event-id": `${after}` },
        });
        expect(read.status).toBe(200);
        const rest = partsOf(await read.text()).filter(({ id }) => id !== undefined);
        expect(rest).toEqual(events.filter((_, at) => (place[at] ?? 0) > after));
      }
      const gone = await fetch(`${chat.url}/chat/streams/${id}`, { method: "DELETE" });
      expect(gone.status).toBe(204);
    }
  });
});

test.for(["generates", "returns"])(
  "a model that only has `generate` (%s) answers everywhere",
  async (model) => {
    expect(textOf((await ask("/chat", { prompt: "hi", model })).text)).toBe("You said hi.");
    expect(JSON.parse((await completion(model, "hi")).text).choices[0].message.content).toBe("You said hi.");
  },
);

test("a model that only embeds is an error where it is to answer, which the log names", async () => {
  for (const path of ["/chat", "/chat/sync"]) {
    expect((await ask(path, { prompt: "hi", model: "embeds" })).status).toBe(500);
  }
  expect((await completion("embeds", "hi")).status).toBe(500);
  await chat.logged(/model embeds has neither the action generate nor the action complete/);
});

test("a model that can neither answer nor embed ends the start, and is told what to add", async () => {
  const env = { CHAT_MODELS: "mine=./my-model:MyModel,neither=./apps:Neither" };
  const failing = await startServer({ args: startChatArgs, env, cwd: folder, until: "" });
  expect(await failing.exited()).toMatchObject({ code: 3 });
  expect(failing.errors()).toMatch(
    /The dirty app \S*apps:Neither has none of the actions that it is asked for: give its class a method generate or complete or embed\. Its actions: hello\./,
  );
});

describe("what is not text", () => {
  test.for(
    Object.keys(WRONG).flatMap(
      (kind) =>
        [
          ["wrong-text", kind],
          ["wrong-pieces", kind],
        ] as const,
    ),
  )("is an app error of %s, which the log says (%s)", async ([model, kind]) => {
    const before = chat.log().length;
    const wanted = kind === "date" ? /A Date cannot cross/ : /model wrong-\w+ yielded .*(text|piece) is due/;
    for (const [path, body] of [
      ["/chat", { prompt: kind, model }],
      ["/chat/sync", { prompt: kind, model }],
      ["/v1/chat/completions", { model, messages: [{ role: "user", content: kind }] }],
      ["/v1/chat/completions", { model, stream: true, messages: [{ role: "user", content: kind }] }],
      ["/v1/completions", { model, prompt: kind }],
    ] as const) {
      const { status, text } = await ask(path, body);
      expect([path, status]).toEqual([path, 500]);
      expect(text).not.toMatch(LEAKS);
    }
    await eventually("the log says what it was", () => wanted.test(chat.log().slice(before)));
    // In mid-answer, what came before it is told, then the error.
    const late = await ask("/chat", { prompt: `late ${kind}`, model });
    const events = eventsOf(late.text).map((event) => JSON.parse(event));
    expect(events).toEqual([
      { token: "good " },
      { error: expect.objectContaining({ type: expect.any(String) }) },
    ]);
    const v1 = (await completion(model, `late ${kind}`, true)).text;
    expect(v1).toContain('"content":"good "');
    expect(v1).toContain('"error"');
    expect(v1).not.toMatch(LEAKS);
    const resumable = await ask("/chat", { prompt: `late ${kind}`, model, resumable: true });
    expect(resumable.text).toContain('{"token": "good "}');
    expect(resumable.text).toContain('"error"');
    expect(resumable.text).not.toMatch(LEAKS);
  });

  test("an end that leaves something out is filled in", async () => {
    const { text } = await completion("ends", "hello");
    const { choices, usage } = JSON.parse(text);
    expect(choices[0].finish_reason).toBe("stop");
    expect(usage).toEqual({ prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 });
  });
});

describe("embeddings", () => {
  test("may be typed arrays", async () => {
    const body = { model: "returns", input: ["abc", "de"] };
    const { data, usage } = JSON.parse((await ask("/v1/embeddings", body)).text);
    expect(data.map((one: { embedding: number[] }) => one.embedding)).toEqual([
      [3, 0.5],
      [2, 0.5],
    ]);
    expect(usage.prompt_tokens).toBe(2);
    const base64 = JSON.parse((await ask("/v1/embeddings", { ...body, encoding_format: "base64" })).text);
    expect(base64.data[0].embedding).toBe(Buffer.from(Float32Array.of(3, 0.5).buffer).toString("base64"));
  });

  test.for(["text", "nan", "few", "none", "list", "empty"])(
    "in a wrong form (%s) are an app error",
    async (input) => {
      const { status, text } = await ask("/v1/embeddings", { model: "wrong-pieces", input });
      expect(status).toBe(500);
      expect(text).not.toMatch(LEAKS);
      await chat.logged(/model wrong-pieces embedded /);
    },
  );
});
