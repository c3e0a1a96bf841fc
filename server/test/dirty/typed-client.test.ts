import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dirty } from "../../src/dirty/typed-client.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { type Listener, StandIn } from "./stand-in.ts";
import type { ChatApp } from "./typed-app.ts";

let side: StandIn;
let worker: Listener;

beforeEach(async () => {
  side = await StandIn.open();
  worker = await side.listen("w");
});

afterEach(() => {
  side.close();
});

const SPEC = "./chat-app.ts:ChatApp";

describe("the typed client", () => {
  test("calls the app's actions by their names", async () => {
    const chat = dirty<ChatApp>(SPEC);
    const count = chat.countTokens("a b c").then((value) => value);
    const run = await side.take(worker);
    expect(run.dict).toMatchObject({ app: "chat-app:ChatApp", action: "countTokens", args: ["a b c"] });
    run.returns(3);
    expect(await count).toBe(3);
  });

  test("streams a generator action", async () => {
    const tokens: string[] = [];
    const loop = (async () => {
      for await (const token of dirty<ChatApp>(SPEC).generate("hello")) tokens.push(token);
    })();
    const run = await side.take(worker);
    run.chunks("Hi", "!");
    run.ends();
    await loop;
    expect(tokens).toEqual(["Hi", "!"]);
  });

  test("binds options with `with`, and never takes an argument for them", async () => {
    const chat = dirty<ChatApp>(SPEC);
    const count = chat
      .with({ requestId: "r-9", timeout: 1 })
      .describe({ timeout: 5, signal: "mine" })
      .then((value) => value);
    const run = await side.take(worker);
    expect(run.dict).toMatchObject({
      request_id: "r-9",
      ms_left: 1000,
      args: [{ timeout: 5, signal: "mine" }],
    });
    run.returns("x");
    await count;
  });

  test("is not a promise: it can be returned from an async function and awaited", async () => {
    const chat = dirty<ChatApp>(SPEC);
    const returned = await (async () => chat)();
    expect(returned).toBe(chat);
    expect(await Promise.resolve(chat.with({}))).toBeDefined();
    const wild = chat as unknown as Record<PropertyKey, unknown>;
    for (const name of ["then", "catch", "finally", "toJSON"]) expect(wild[name]).toBeUndefined();
    for (const name of [Symbol.iterator, Symbol.asyncIterator, Symbol.toPrimitive, Symbol.toStringTag]) {
      expect(wild[name]).toBeUndefined();
    }
    expect((await side.arbiter()).all(MSG.PLACE)).toEqual([]);
  });

  test("can be printed and turned to JSON without a call", async () => {
    const chat = dirty<ChatApp>(SPEC);
    expect(JSON.stringify({ chat })).toBe('{"chat":{}}');
    expect(inspect(chat)).toBeTypeOf("string");
    expect((await side.arbiter()).all(MSG.PLACE)).toEqual([]);
  });

  test("refuses options of a wrong kind", () => {
    expect(() => dirty<ChatApp>(SPEC).with({ timeout: Number.NaN })).toThrow(/timeout/);
    expect(() => dirty<ChatApp>(SPEC).with({ requestId: 5 as unknown as string })).toThrow(/requestId/);
  });

  test("says at once that a spec is wrong", () => {
    expect(() => dirty<ChatApp>("chat-app.ts")).toThrow();
    expect(() => dirty<ChatApp>("")).toThrow();
  });
});

test("outside of a server's process a call says so, and making the client does not", async () => {
  const KEY = Symbol.for("tsunicorn.dirty");
  const slot = globalThis as { [KEY]?: unknown };
  const kept = slot[KEY];
  delete slot[KEY];
  try {
    const chat = dirty<ChatApp>(SPEC);
    expect(() => chat.countTokens("a")).toThrow(/tsunicorn command/);
  } finally {
    slot[KEY] = kept;
  }
});
