/** What calling an action gives: its promise, its stream, and its end. */
import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type DirtyClient, getDirtyClient } from "../../src/dirty/client.ts";
import { DirtyAppError, DirtyError, DirtyProtocolError } from "../../src/protocol/errors.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { type Listener, StandIn } from "./stand-in.ts";

const APP = "./app.ts:App";

let side: StandIn;
let worker: Listener;
let client: DirtyClient;

beforeEach(async () => {
  side = await StandIn.open();
  worker = await side.listen("w");
  client = getDirtyClient();
});

afterEach(() => {
  side.close();
});

/** Collects a stream. */
async function collect(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of stream) values.push(value);
  return values;
}

/** Requests that the dirty arbiter was asked to place so far, by their actions. */
async function placed(): Promise<unknown[]> {
  return (await side.arbiter()).all(MSG.PLACE).map(({ dict }) => dict["action"]);
}

/** Makes and serves a call, so that all that was sent before it has come too. */
async function settle(): Promise<void> {
  const last = client.execute(APP, "last").then((value) => value);
  (await side.take(worker)).returns(0);
  await last;
}

describe("a call", () => {
  test("is lazy: nothing is asked for until it is awaited or iterated", async () => {
    void client.execute(APP, "never");
    void client.stream(APP, "neither");
    await settle();
    expect(await placed()).toEqual(["last"]);
  });

  test("runs once, however often it is awaited", async () => {
    const call = client.execute(APP, "once");
    const both = Promise.all([call, call]);
    (await side.take(worker)).returns({ n: 1 });
    const [first, second] = await both;
    expect(first).toEqual({ n: 1 });
    expect(second).toBe(first);
    expect(await call).toBe(first);
    await settle();
    expect(await placed()).toEqual(["once", "last"]);
  });

  test("that failed rejects each time with the same error, and sends nothing again", async () => {
    const call = client.execute(APP, "fails");
    const first = Promise.resolve(call).catch((error: unknown) => error);
    const run = await side.take(worker);
    run.worker.send([
      MSG.ERROR,
      run.id,
      { error: { error_type: "DirtyAppError", message: "no", details: {} } },
    ]);
    const error = await first;
    expect(error).toBeInstanceOf(DirtyAppError);
    await expect(Promise.resolve(call)).rejects.toBe(error);
    await settle();
    expect(await placed()).toEqual(["fails", "last"]);
  });

  test("has catch and finally, as a promise has", async () => {
    let settled = 0;
    const call = client.execute(APP, "fails");
    const caught = call.catch((error: Error) => error.message);
    const run = await side.take(worker);
    run.worker.send([
      MSG.ERROR,
      run.id,
      { error: { error_type: "DirtyAppError", message: "no", details: {} } },
    ]);
    expect(await caught).toBe("no");
    await call.finally(() => settled++).catch(() => {});
    expect(settled).toBe(1);
  });

  test("can be iterated once", async () => {
    const call = client.stream(APP, "gen");
    const values = collect(call);
    const run = await side.take(worker);
    run.chunks(1, 2);
    run.ends();
    expect(await values).toEqual([1, 2]);
    expect(() => call[Symbol.asyncIterator]()).toThrow(DirtyError);
    await settle();
    expect(await placed()).toEqual(["gen", "last"]);
  });

  test("that is iterated cannot be awaited too, nor the other way round", async () => {
    const iterated = client.execute(APP, "gen");
    const values = collect(iterated);
    await expect(Promise.resolve(iterated)).rejects.toThrow(DirtyError);
    const run = await side.take(worker);
    run.chunks("a");
    run.ends();
    expect(await values).toEqual(["a"]);

    const awaited = client.execute(APP, "plain");
    const result = awaited.then((value) => value);
    expect(() => awaited[Symbol.asyncIterator]()).toThrow(DirtyError);
    (await side.take(worker)).returns("r");
    expect(await result).toBe("r");
  });

  test("of a plain action, iterated, yields its one result", async () => {
    const values = collect(client.stream(APP, "plain"));
    (await side.take(worker)).returns("only");
    expect(await values).toEqual(["only"]);
  });

  test("of a plain action that returns nothing, iterated, yields one null", async () => {
    const values = collect(client.stream(APP, "plain"));
    (await side.take(worker)).returns(null);
    expect(await values).toEqual([null]);
  });

  test("of a generator, awaited, rejects and cancels the stream", async () => {
    const awaited = Promise.resolve(client.execute(APP, "gen"));
    const refused = expect(awaited).rejects.toThrow(/for await/);
    const run = await side.take(worker);
    run.started();
    run.chunks(1);
    await refused;
    expect((await run.worker.next(MSG.CANCEL)).id).toBe(run.id);
  });

  test("of a generator that yields nothing, awaited, rejects too", async () => {
    const awaited = Promise.resolve(client.execute(APP, "gen"));
    const refused = expect(awaited).rejects.toThrow(/for await/);
    (await side.take(worker)).ends();
    await refused;
  });
});

describe("a stream", () => {
  test("gives every chunk in order, also those that came before anyone asked", async () => {
    const iterator = client.stream<number>(APP, "gen")[Symbol.asyncIterator]();
    const first = iterator.next();
    const run = await side.take(worker);
    run.chunks(...Array.from({ length: 500 }, (_, index) => index));
    run.ends();
    const values = [(await first).value];
    for (let step = await iterator.next(); step.done !== true; step = await iterator.next())
      values.push(step.value);
    expect(values).toEqual(Array.from({ length: 500 }, (_, index) => index));
  });

  test("that fails gives what came before, then its error, then nothing more", async () => {
    const iterator = client.stream(APP, "gen")[Symbol.asyncIterator]();
    const first = iterator.next();
    const run = await side.take(worker);
    run.chunks("a", "b");
    run.worker.send([
      MSG.ERROR,
      run.id,
      { error: { error_type: "DirtyAppError", message: "half way", details: {} } },
    ]);
    expect((await first).value).toBe("a");
    expect((await iterator.next()).value).toBe("b");
    await expect(iterator.next()).rejects.toThrow("half way");
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test("whose loop is left is cancelled, and the loop does not wait for the worker", async () => {
    const loop = (async () => {
      for await (const value of client.stream(APP, "gen")) return value;
      return undefined;
    })();
    const run = await side.take(worker);
    run.started();
    run.chunks("first", "second");
    // The worker never answers to the CANCEL, and the loop is over all the same.
    expect(await loop).toBe("first");
    expect((await run.worker.next(MSG.CANCEL)).id).toBe(run.id);
  });

  test("whose loop throws is cancelled", async () => {
    const loop = (async () => {
      for await (const value of client.stream(APP, "gen")) throw new Error(`no ${String(value)}`);
    })();
    const failed = expect(loop).rejects.toThrow("no first");
    const run = await side.take(worker);
    run.chunks("first");
    await failed;
    await run.worker.next(MSG.CANCEL);
  });

  test.for(["goes on", "has come whole", "has failed"])(
    "that was left is over, though it %s: a further step says done",
    async (state) => {
      const iterator = client.stream(APP, "gen")[Symbol.asyncIterator]();
      const first = iterator.next();
      const run = await side.take(worker);
      run.chunks(1, 2, 3);
      const error = { error_type: "DirtyAppError", message: "no", details: {} };
      if (state === "has come whole") run.ends();
      if (state === "has failed") run.worker.send([MSG.ERROR, run.id, { error }]);
      await first;
      await settle();
      expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
    },
  );

  test("can be asked for several steps at once", async () => {
    const iterator = client.stream(APP, "gen")[Symbol.asyncIterator]();
    const steps = Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    const run = await side.take(worker);
    run.chunks("a", "b");
    run.ends();
    expect((await steps).map(({ value }) => value)).toEqual(["a", "b", undefined, undefined]);
  });

  test("that was left before it had a slot gives up its place in the queue", async () => {
    const iterator = client.stream(APP, "gen")[Symbol.asyncIterator]();
    void iterator.next().catch(() => {});
    const arbiter = await side.arbiter();
    const { id } = await arbiter.next(MSG.PLACE);
    arbiter.send([MSG.QUEUED, id, { position: 3 }]);
    await iterator.return?.();
    expect((await arbiter.next(MSG.CANCEL)).id).toBe(id);
  });
});

describe("a stream in batches", () => {
  test("gives each chunk once and in order, those that came together in one step", async () => {
    const batches: unknown[][] = [];
    const loop = (async () => {
      for await (const batch of client.stream(APP, "gen").batches()) batches.push(batch);
    })();
    const run = await side.take(worker);
    run.chunks(1, 2, 3);
    await vi.waitUntil(() => batches.length > 0);
    run.chunks(4);
    run.ends();
    await loop;
    expect(batches.flat()).toEqual([1, 2, 3, 4]);
    expect(batches.length).toBeLessThan(4);
    for (const batch of batches) expect(batch.length).toBeGreaterThan(0);
  });

  test("that fails gives what came before, then its error", async () => {
    const values: unknown[] = [];
    const loop = (async () => {
      for await (const batch of client.stream(APP, "gen").batches()) values.push(...batch);
    })();
    const failed = expect(loop).rejects.toThrow("half way");
    const run = await side.take(worker);
    run.chunks("a", "b");
    const error = { error_type: "DirtyAppError", message: "half way", details: {} };
    run.worker.send([MSG.ERROR, run.id, { error }]);
    await failed;
    expect(values).toEqual(["a", "b"]);
  });

  test("of a plain action gives its one result", async () => {
    const batches: unknown[] = [];
    const loop = (async () => {
      for await (const batch of client.stream(APP, "plain").batches()) batches.push(batch);
    })();
    (await side.take(worker)).returns("only");
    await loop;
    expect(batches).toEqual([["only"]]);
  });

  test("is the call's one iteration", async () => {
    const call = client.stream(APP, "gen");
    const loop = collect(call.batches());
    expect(() => call[Symbol.asyncIterator]()).toThrow(DirtyError);
    expect(() => call.batches()[Symbol.asyncIterator]()).toThrow(DirtyError);
    (await side.take(worker)).ends();
    expect(await loop).toEqual([]);
  });

  test("is cancelled when its loop is left", async () => {
    const loop = (async () => {
      for await (const batch of client.stream(APP, "gen").batches()) return batch;
      return undefined;
    })();
    const run = await side.take(worker);
    run.chunks(1);
    expect(await loop).toEqual([1]);
    await run.worker.next(MSG.CANCEL);
  });
});

describe("a signal", () => {
  test("that was aborted before the call sends nothing, and the call rejects with its reason", async () => {
    const reason = new Error("changed my mind");
    const call = client.with({ signal: AbortSignal.abort(reason) }).execute(APP, "never");
    await expect(Promise.resolve(call)).rejects.toBe(reason);
    await settle();
    expect(await placed()).toEqual(["last"]);
  });

  test("aborted while the request waits takes it out of the queue", async () => {
    const abort = new AbortController();
    const reason = new Error("too slow");
    const rejected = expect(
      Promise.resolve(client.with({ signal: abort.signal }).execute(APP, "waits")),
    ).rejects.toBe(reason);
    const arbiter = await side.arbiter();
    const { id } = await arbiter.next(MSG.PLACE);
    abort.abort(reason);
    await rejected;
    expect((await arbiter.next(MSG.CANCEL)).id).toBe(id);
  });

  test("aborted while the run goes on cancels it, and what it still sends is ignored", async () => {
    const abort = new AbortController();
    const iterator = client.with({ signal: abort.signal }).stream(APP, "gen")[Symbol.asyncIterator]();
    const first = iterator.next();
    const run = await side.take(worker);
    run.started();
    run.chunks(1);
    await first;
    const second = expect(iterator.next()).rejects.toMatchObject({ name: "AbortError" });
    abort.abort();
    await second;
    await run.worker.next(MSG.CANCEL);
    run.chunks(2);
    run.ends();
    await settle();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test("is let go of when the call is over", async () => {
    const { signal } = new AbortController();
    const bound = client.with({ signal });
    const result = Promise.resolve(bound.execute(APP, "one"));
    (await side.take(worker)).returns(1);
    await result;
    const values = collect(bound.stream(APP, "two"));
    (await side.take(worker)).ends();
    await values;
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("chunks that came before the abort are not given after it", async () => {
    const abort = new AbortController();
    const iterator = client.with({ signal: abort.signal }).stream(APP, "gen")[Symbol.asyncIterator]();
    const first = iterator.next();
    (await side.take(worker)).chunks(1, 2, 3);
    await first;
    abort.abort();
    await expect(iterator.next()).rejects.toMatchObject({ name: "AbortError" });
  });
});

test("a stream that has come whole is not given on after its signal was aborted", async () => {
  const abort = new AbortController();
  const iterator = client.with({ signal: abort.signal }).stream(APP, "gen")[Symbol.asyncIterator]();
  const first = iterator.next();
  const run = await side.take(worker);
  run.chunks(1, 2, 3);
  run.ends();
  await first;
  await settle();
  abort.abort();
  await expect(iterator.next()).rejects.toMatchObject({ name: "AbortError" });
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
});

describe("what a call is made with", () => {
  test("crosses: action, arguments, request id and time", async () => {
    const result = Promise.resolve(
      client.with({ requestId: "r-1", timeout: 2 }).execute(APP, "add", 1, "two", [3n], { four: null }),
    );
    const run = await side.take(worker);
    expect(run.dict).toMatchObject({
      app: "app:App",
      action: "add",
      args: [1, "two", [3n], { four: null }],
      request_id: "r-1",
      ms_left: 2000,
    });
    run.returns(0);
    await result;
  });

  test("may not take longer than dirtyTimeout", async () => {
    const result = Promise.resolve(client.with({ timeout: 99 }).execute(APP, "add"));
    const run = await side.take(worker);
    expect(run.dict["ms_left"]).toBe(10_000);
    run.returns(0);
    await result;
  });

  test("without a request id has one of its own", async () => {
    const ids: unknown[] = [];
    for (let count = 0; count < 2; count++) {
      const result = Promise.resolve(client.execute(APP, "add"));
      const run = await side.take(worker);
      ids.push(run.dict["request_id"]);
      run.returns(0);
      await result;
    }
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[\w.-]{1,128}$/);
  });

  test("is bound by `with` for that client alone", async () => {
    const bound = client.with({ requestId: "bound" });
    const both = bound.with({ timeout: 1 });
    const seen: unknown[] = [];
    for (const one of [client, bound, both]) {
      const result = Promise.resolve(one.execute(APP, "add"));
      const run = await side.take(worker);
      seen.push([run.dict["request_id"] === "bound", run.dict["ms_left"]]);
      run.returns(0);
      await result;
    }
    expect(seen).toEqual([
      [false, 10_000],
      [true, 10_000],
      [true, 1000],
    ]);
  });

  test("each way to write an app's spec means the same app", async () => {
    for (const spec of ["./app.ts:App", "app.js:App", "app:App", "./x/../app.mjs:App:3"]) {
      const result = Promise.resolve(client.execute(spec, "add"));
      const run = await side.take(worker);
      expect(run.dict["app"]).toBe("app:App");
      run.returns(0);
      await result;
    }
  });
});

describe("a call that cannot be made", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  const unsendable: [name: string, value: unknown][] = [
    ["a date", new Date(0)],
    ["a function", () => {}],
    ["a symbol", Symbol("s")],
    ["a map", new Map()],
    ["an instance of a class", new (class Cat {})()],
    ["a bigint of 65 bits", 2n ** 64n],
    ["a circle", circle],
    ["a promise", Promise.resolve()],
    ["a date deep inside", { list: [{ at: new Date(0) }] }],
  ];

  test.for(unsendable)("with %s says so, gives its slot back, and harms no other call", async ([, value]) => {
    const other = collect(client.stream(APP, "other"));
    const run = await side.take(worker);
    run.chunks("a");
    const refused = expect(Promise.resolve(client.execute(APP, "add", value))).rejects.toThrow(
      DirtyProtocolError,
    );
    const { id } = await side.grant(worker.path);
    await refused;
    expect((await (await side.arbiter()).next(MSG.CANCEL)).id).toBe(id);
    run.chunks("b");
    run.ends();
    expect(await other).toEqual(["a", "b"]);
  });

  // What a web app takes from a request and passes on unchecked must never break the connection that all
  // requests of the process share.
  const wrong: [name: string, make: () => unknown][] = [
    ["a timeout that is not a number", () => client.with({ timeout: Number.NaN })],
    ["a timeout that is text", () => client.with({ timeout: "5" as unknown as number })],
    ["a request id that is a number", () => client.with({ requestId: 7 as unknown as string })],
    ["a request id that is a list", () => client.with({ requestId: ["a"] as unknown as string })],
    ["an action that is undefined", () => client.execute(APP, undefined as unknown as string)],
    ["an action that is a number", () => client.stream(APP, 5 as unknown as string)],
    ["an app that is not a spec", () => client.execute("nonsense", "add")],
  ];

  test.for(wrong)("with %s throws at once", ([, make]) => {
    expect(make).toThrow();
  });

  test("with a negative time left is over at once, as with none", async () => {
    const result = Promise.resolve(client.with({ timeout: -5 }).execute(APP, "late"));
    const rejected = expect(result).rejects.toMatchObject({ code: "DIRTY_TIMEOUT" });
    const { dict } = await side.grant(worker.path);
    await rejected;
    expect(dict["timeout"]).toBe(0);
  });
});

describe("the status", () => {
  test("is what the dirty arbiter said last", async () => {
    const arbiter = await side.arbiter();
    expect(client.status().apps).toEqual([]);
    arbiter.send([MSG.APPS, 0, { apps: [{ app: "app:App", workers: 2 }] }]);
    await vi.waitUntil(() => client.status().ready);
    expect(client.status()).toEqual({ ready: true, apps: [{ app: "app:App", workers: 2 }] });
  });

  test("is not ready while an app has no worker, or the dirty arbiter is gone", async () => {
    const arbiter = await side.arbiter();
    arbiter.send([
      MSG.APPS,
      0,
      {
        apps: [
          { app: "a:A", workers: 1 },
          { app: "b:B", workers: 0 },
        ],
      },
    ]);
    await vi.waitUntil(() => client.status().apps.length === 2);
    expect(client.status().ready).toBe(false);
    arbiter.send([MSG.APPS, 0, { apps: [{ app: "a:A", workers: 1 }] }]);
    await vi.waitUntil(() => client.status().ready);
    arbiter.destroy();
    await vi.waitUntil(() => !client.status().ready);
  });
});
