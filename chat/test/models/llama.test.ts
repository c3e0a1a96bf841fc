import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grammarSchema } from "../../src/models/llama/json-schema.ts";
import type { Sequence } from "../../src/models/llama/package.ts";
import { importLlamaPackage } from "../../src/models/llama/package.ts";
import { SequencePool } from "../../src/models/llama/sequence-pool.ts";
import { computingThreads, llamaSettings } from "../../src/models/llama/settings.ts";
import { LlamaModel } from "../../src/models/llama.ts";
import type { Message } from "../../src/models/model.ts";
import { describeModel, read, textOf } from "./contract.ts";
import { HAS_LLAMA, NO_LLAMA, TinyLlama } from "./llama/tiny-llama.ts";
import { SAYS } from "./llama/tiny-model.ts";
import { describePenalties } from "./penalties.ts";

const GREEDY = { temperature: 0 };

if (HAS_LLAMA) {
  let file: TinyLlama | undefined;
  describeModel("a GGUF file", {
    prompt: "hello",
    answer: SAYS,
    within: "harbour opens its",
    concurrency: 2,
    draws: true,
    embeds: true,
    leastPromptTokens: 2,
    open: () => {
      file ??= new TinyLlama();
      return file.load();
    },
    cleanUp: () => {
      file?.remove();
      file = undefined;
    },
  });
  const files: TinyLlama[] = [];
  describePenalties("a GGUF file", {
    keepsChance: false,
    open: (again) => {
      const made = new TinyLlama({ again });
      files.push(made);
      return made.load();
    },
    cleanUp: () => {
      for (const made of files) made.remove();
    },
  });
} else {
  it("a GGUF file does what every model must do", ({ skip }) => skip(NO_LLAMA));
}

describe("a GGUF file", () => {
  let file: TinyLlama;
  let model: LlamaModel;

  beforeAll(async () => {
    if (!HAS_LLAMA) return;
    file = new TinyLlama({ contextLength: 512 });
    model = await file.load({ contextSize: 512 });
  });

  afterAll(async () => {
    await model?.close();
    file?.remove();
  });

  const ask = (prompt: string, more: Parameters<typeof read>[1] = {}) =>
    read(model, { prompt, ...more, options: { ...GREEDY, ...more.options } });

  it("answers in JSON of a schema, and of none, also from the middle on", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const json = {
      type: "object",
      properties: { open: { type: "boolean" }, tea: { enum: ["green", "black"] } },
    };
    const { pieces, text, finish } = await ask("hello", { options: { json } });
    expect(JSON.parse(text)).toEqual({
      open: expect.any(Boolean),
      tea: expect.stringMatching(/green|black/),
    });
    expect(text).toBe(text.trim());
    expect(finish.reason).toBe("stop");
    for (const from of [1, 5, pieces.length - 1]) {
      const emitted = pieces.slice(0, from);
      const rest = await ask("hello", { options: { json }, emitted });
      expect(textOf(emitted) + rest.text).toBe(text);
      expect(rest.finish.reason).toBe(finish.reason);
    }
    const any = await ask("hello", { options: { json: {}, maxTokens: 20 } });
    expect(any.text).toMatch(/^\{/);
  });

  it("goes on with JSON in which it repeats itself less", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const items = { enum: ["tea", "cook", "bread", "ships"] };
    const json = { type: "array", items, minItems: 6, maxItems: 6 };
    const plain = await ask("hello", { options: { json } });
    const options = { json, frequencyPenalty: 2 };
    const { pieces, text, finish } = await ask("hello", { options });
    expect(JSON.parse(text)).toHaveLength(6);
    expect(new Set(JSON.parse(text)).size).toBeGreaterThan(new Set(JSON.parse(plain.text)).size);
    for (const share of [0.1, 0.5, 0.9]) {
      const emitted = pieces.slice(0, Math.round(pieces.length * share));
      const rest = await ask("hello", { options, emitted });
      expect(textOf(emitted) + rest.text).toBe(text);
      expect(rest.finish).toEqual(finish);
    }
  });

  it("answers with all that a schema says, whether it names one type, several or none", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const properties = { a: { const: 1 } };
    const items = { items: { const: 1 }, minItems: 2, maxItems: 2 };
    const said: unknown[] = [];
    for (const json of [{ properties }, items, { type: ["object", "array"], properties, ...items }]) {
      said.push(JSON.parse((await ask("hello", { options: { json } })).text));
    }
    const [object, array, either] = said;
    expect([object, array]).toEqual([{ a: 1 }, [1, 1]]);
    expect([object, array]).toContainEqual(either);
  });

  it("answers with what a $ref of a schema points to", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const tea = { type: "object", properties: { tea: { const: "green" } } };
    const json = {
      type: "array",
      prefixItems: [{ $ref: "#/$defs/a" }, { $ref: "#/definitions/a" }, { $ref: "#/$defs/x%20y" }],
      minItems: 3,
      maxItems: 3,
      $defs: { a: tea, "x y": { $ref: "#/definitions/a" } },
      definitions: { a: { const: 2 } },
    };
    expect(JSON.parse((await ask("hello", { options: { json } })).text)).toEqual([{ tea: "green" }, 2, 2]);
  });

  it("says so where it cannot follow a schema", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const endless = { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/a" } } };
    for (const json of [{ type: "string", pattern: "^a+$" }, { $ref: "#/$defs/a" }, endless]) {
      await expect(ask("hello", { options: { json } })).rejects.toMatchObject({
        name: "UnsupportedRequestError",
        message: expect.stringMatching(/^This model cannot follow .*/),
        details: { code: "invalid_json_schema", param: "response_format" },
      });
    }
    expect((await ask("hello")).text).toBe(SAYS);
  });

  it("goes on with a text as it stands", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const begun = "When it rains we sit by an east";
    const { pieces, text, finish } = await ask(begun, { options: { raw: true } });
    expect(`an east${text}`).toBe(SAYS.slice(SAYS.indexOf("an east")));
    const emitted = pieces.slice(0, 3);
    const rest = await ask(begun, { options: { raw: true }, emitted });
    expect(textOf(emitted) + rest.text).toBe(text);
    expect(rest.finish).toEqual(finish);
    expect((await ask("", { options: { raw: true } })).text).toBe(SAYS);
  });

  it("forgets the oldest messages where a conversation is too long, but not the system's", async ({
    skip,
  }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const messages: Message[] = [{ role: "system", content: "Be kind." }];
    for (let at = 0; at < 60; at++)
      messages.push({ role: at % 2 === 0 ? "user" : "assistant", content: `fresh bread ${at}` });
    const long = await ask("hello", { messages });
    expect(long.text).toBe(SAYS);
    expect(long.finish.promptTokens).toBeLessThanOrEqual(512 * 0.75);
    const system = await ask("hello", { messages: messages.slice(0, 1) });
    expect(long.finish.promptTokens).toBeGreaterThan(system.finish.promptTokens);
  });

  it("refuses a prompt that is too long on its own, and says how long it may be", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    await expect(ask("x y ".repeat(600))).rejects.toMatchObject({
      name: "UnsupportedRequestError",
      message: expect.stringMatching(
        /^The prompt has \d+ tokens\. This model can read and write 512 together/,
      ),
      details: { code: "context_length_exceeded" },
    });
  });

  it("refuses to embed what is too long, and says how much it can", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const { signal } = new AbortController();
    await expect(model.embed(["short", "x y ".repeat(600)], signal)).rejects.toMatchObject({
      name: "UnsupportedRequestError",
      message: expect.stringMatching(/^The input has \d+ tokens\. This model can embed 511\.$/),
      details: { code: "context_length_exceeded", param: "input" },
    });
    // As long as it can, and no failure of the model's.
    expect(await model.embed(["x ".repeat(240)], signal)).toHaveLength(1);
  });

  it("ends where there is no more room, and says that it is not whole", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const small = await file.load({ sequences: 1, contextSize: 256 });
    try {
      // So long that the answer is longer than what is left, which is a quarter at least.
      const prompt = "when ".repeat(150);
      const { finish } = await read(small, {
        prompt,
        options: { ...GREEDY, json: { type: "string", minLength: 200 } },
      });
      expect(finish.reason).toBe("length");
      expect(finish.promptTokens + finish.completionTokens).toBe(256);
    } finally {
      await small.close();
    }
  });

  it("waits for its turn behind answers that were cut off, and leaves the queue when it is cut off itself", async ({
    skip,
  }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const gone = [new AbortController(), new AbortController(), new AbortController()];
    const streams = gone.map(({ signal }) =>
      model.stream({ prompt: "hello", messages: [], thinking: false, emitted: [] }, signal),
    );
    const nexts = streams.map((stream) => stream.next().catch((error: unknown) => error));
    const reason = new Error("the reader left");
    for (const controller of gone) controller.abort(reason);
    expect(await Promise.all(nexts)).toEqual([reason, reason, reason]);
    expect((await Promise.all([ask("hello"), ask("hello")])).map(({ text }) => text)).toEqual([SAYS, SAYS]);
  });

  it("gives each of many answers at once its own tokens, however they overlap", async ({ skip }) => {
    if (!HAS_LLAMA) skip(NO_LLAMA);
    // Slower than the others, as real ones are: threads that have slept meanwhile wake up at the same time.
    const slower = new TinyLlama({ contextLength: 512, width: 256 });
    const eight = await slower.load({ sequences: 8, contextSize: 512 });
    try {
      const one = async (at: number) => {
        // So that no two of them stand at the same word.
        await read(eight, { prompt: "hello", options: { ...GREEDY, maxTokens: 1 + at * 5 } });
        const texts = new Set<string>();
        for (let round = 0; round < 4; round++)
          texts.add((await read(eight, { prompt: "hello", options: GREEDY })).text);
        return [...texts];
      };
      expect(await Promise.all(Array.from({ length: 8 }, (_, at) => one(at)))).toEqual(Array(8).fill([SAYS]));
    } finally {
      await eight.close();
      slower.remove();
    }
  });

  it("that is missing, or has another format, ends the start with what to do", async ({ skip }) => {
    await expect(LlamaModel.load(llamaSettings({}, "/nowhere/big.gguf"))).rejects.toThrow(
      /there is no model at \/nowhere\/big\.gguf\. .*curl -L -o big\.gguf/,
    );
    if (!HAS_LLAMA) skip(NO_LLAMA);
    const settings = llamaSettings({ CHAT_LLAMA_GPU: "off" }, new URL(import.meta.url).pathname);
    await expect(LlamaModel.load(settings)).rejects.toThrow(/llama\.test\.ts cannot be loaded: /);
  });

  it("says how to install what it needs", async () => {
    await expect(importLlamaPackage("/nowhere")).rejects.toThrow(
      "node-llama-cpp is not installed, and without it no GGUF file can be run. npm run llama installs version 3.21.1",
    );
  });
});

describe("a JSON schema", () => {
  it("is read as it is written by the usual tools", () => {
    const schema = {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      properties: {
        name: { anyOf: [{ type: "string" }, { type: "null" }], description: "who" },
        next: { $ref: "#/definitions/place" },
      },
      required: ["name", "next"],
      additionalProperties: false,
      definitions: { place: { type: "array", items: { type: "number" }, minItems: 2 } },
    };
    expect(grammarSchema(schema)).toMatchObject({
      properties: {
        name: { oneOf: [{ type: "string" }, { type: "null" }] },
        next: { $ref: "#/$defs/definitions/place" },
      },
      $defs: { "definitions/place": schema.definitions.place },
    });
  });

  it("means what its $ref points to, whatever that is called and wherever it is used", () => {
    const schema = {
      properties: { one: { $ref: "#/$defs/a" }, two: { items: { $ref: "#/definitions/Box%3Ca~1b%3E" } } },
      $defs: { a: { anyOf: [{ $ref: "#/$defs/a" }, { const: 1 }], $defs: { a: { const: 2 } } } },
      definitions: { a: { const: 3 }, "Box<a/b>": { const: 4 } },
    };
    expect(grammarSchema(schema)).toMatchObject({
      properties: {
        one: { $ref: "#/$defs/$defs/a" },
        two: { items: { $ref: "#/$defs/definitions/Box<a/b>" } },
      },
      $defs: {
        "$defs/a": { oneOf: [{ $ref: "#/$defs/$defs/a" }, { const: 1 }] },
        "definitions/a": { const: 3 },
        "definitions/Box<a/b>": { const: 4 },
      },
    });
  });

  it("leaves open what a schema leaves open", () => {
    const types = ["object", "array", "string", "number", "boolean", "null"];
    const any = { oneOf: types.map((type) => expect.objectContaining({ type })) };
    expect(grammarSchema({ properties: { one: {}, two: { title: "Two" } } })).toMatchObject({
      properties: { one: any, two: any },
    });
    expect(grammarSchema({ type: "object" })).toEqual({ type: "object", additionalProperties: true });
    expect(grammarSchema({ type: "object", properties: {} })).toMatchObject({ additionalProperties: false });
  });

  it.each([
    [{ type: "string", pattern: "^a" }, "pattern"],
    [{ type: "object", properties: { age: { type: "integer", minimum: 0 } } }, "minimum"],
    [{ type: "text" }, 'type "text"'],
    [{ anyOf: [] }, "an empty anyOf"],
    [{ enum: [] }, "an empty enum"],
    [{ $ref: "https://example.com/a" }, '$ref "https://example.com/a"'],
    [{ items: { $ref: "other.json#/$defs/a" }, $defs: { a: {} } }, '$ref "other.json#/$defs/a"'],
    [{ properties: { a: { $ref: "#/properties/b" }, b: {} } }, '$ref "#/properties/b"'],
    [{ $ref: "#/$defs/%" }, '$ref "#/$defs/%"'],
    [{ $ref: 5 }, "$ref 5"],
    [{ $ref: "#/$defs/a" }, '$ref "#/$defs/a", which points nowhere,'],
    [{ anyOf: [{ $ref: "#/$defs/toString" }], $defs: {} }, '$ref "#/$defs/toString", which points nowhere,'],
    [
      { $ref: "#/$defs/a", $defs: { a: { items: { $ref: "#/definitions/a" } } } },
      '$ref "#/definitions/a", which points nowhere,',
    ],
    [
      { properties: { a: { $ref: "#/$defs/b", $defs: { b: {} } } } },
      '$ref "#/$defs/b", which points nowhere,',
    ],
    [{ $defs: null }, "$defs that is not an object"],
    [{ properties: 5 }, "properties that is not an object"],
    [{ type: [] }, "an empty type"],
    [{ properties: { a: { const: 1 } }, required: ["b"] }, 'required "b", which is not in properties,'],
  ])("%j is refused, since the answer would not follow it", (schema, what) => {
    expect(() => grammarSchema(schema)).toThrow(`This model cannot follow ${what} in a JSON schema.`);
  });
});

describe("the settings of GGUF files", () => {
  it("have defaults", () => {
    expect(llamaSettings({}, "/m.gguf")).toEqual({
      file: "/m.gguf",
      gpu: "auto",
      sequences: 4,
      contextSize: 8192,
      threads: 0,
    });
    expect(llamaSettings({ CHAT_LLAMA_GPU: "off", CHAT_LLAMA_SEQUENCES: "2" }, "/m.gguf")).toMatchObject({
      gpu: false,
      sequences: 2,
    });
  });

  it.each([
    [{ CHAT_LLAMA_GPU: "amd" }, /CHAT_LLAMA_GPU must be auto, cuda, vulkan, metal, off, not "amd"/],
    [{ CHAT_LLAMA_SEQUENCES: "0" }, /CHAT_LLAMA_SEQUENCES must be a whole number from 1 to 256, not "0"/],
    [{ CHAT_LLAMA_CONTEXT: "big" }, /CHAT_LLAMA_CONTEXT must be a whole number .*not "big"/],
    [{ CHAT_LLAMA_THREADS: "-1" }, /CHAT_LLAMA_THREADS must be a whole number .*not "-1"/],
  ])("%j is refused", (env, reason) => {
    expect(() => llamaSettings(env, "/m.gguf")).toThrow(reason);
  });
});

describe("the threads that compute", () => {
  it.each([
    { asked: 0, mathCores: 4, cores: 8, threads: 4 },
    { asked: 0, mathCores: 8, cores: 8, threads: 7 },
    { asked: 0, mathCores: 2, cores: 2, threads: 1 },
    { asked: 0, mathCores: 1, cores: 1, threads: 1 },
    { asked: 6, mathCores: 4, cores: 8, threads: 6 },
  ])("are $threads of $cores cores where $asked are asked for", ({ asked, mathCores, cores, threads }) => {
    expect(computingThreads(asked, mathCores, cores)).toBe(threads);
  });
});

describe("a conversation gets the sequence", () => {
  const { signal } = new AbortController();

  it("that has read the most of it, unless another conversation would be lost for a few words", async () => {
    const [long, short, empty] = [sequence([1, 2, 3, 4, 5, 6]), sequence([1, 2, 9]), sequence([])];
    const pool = new SequencePool([empty, long, short]);
    expect(await pool.take([1, 2, 3, 4, 5, 6, 7], signal)).toBe(long);
    expect(await pool.take([1, 8, 8, 8], signal)).toBe(empty);
    expect(await pool.take([5], signal)).toBe(short);
  });

  it("that has been free for the longest, where none has read of it", async () => {
    const [first, second] = [sequence([1]), sequence([2])];
    const pool = new SequencePool([first, second]);
    expect(await pool.take([7], signal)).toBe(first);
    pool.give(first);
    expect(await pool.take([7], signal)).toBe(second);
  });

  it("that is given back first, where all are taken", async () => {
    const only = sequence([]);
    const pool = new SequencePool([only]);
    await pool.take([1], signal);
    const controller = new AbortController();
    const given = pool.take([1], controller.signal);
    const next = pool.take([1], signal);
    controller.abort(new Error("left"));
    await expect(given).rejects.toThrow("left");
    pool.give(only);
    expect(await next).toBe(only);
  });

  it("and waits for none where its reader has left already", async () => {
    const only = sequence([]);
    const pool = new SequencePool([only]);
    await pool.take([1], signal);
    await expect(pool.take([1], AbortSignal.abort(new Error("left")))).rejects.toThrow("left");
    pool.give(only);
    expect(await pool.take([1], signal)).toBe(only);
  });
});

/** A sequence that has read these tokens. */
function sequence(read: readonly number[]): Sequence {
  const unused = () => {
    throw new Error("not in this test");
  };
  return {
    nextTokenIndex: read.length,
    compareContextTokens: (tokens) => {
      const at = read.findIndex((token, index) => tokens[index] !== token);
      return { firstDifferentIndex: at === -1 ? read.length : at };
    },
    adaptStateToTokens: unused,
    clearHistory: unused,
    evaluate: unused,
    evaluateWithoutGeneratingNewTokens: unused,
  };
}
