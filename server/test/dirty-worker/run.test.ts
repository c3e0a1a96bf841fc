/** One run, as only TypeScript has it: kinds of streams and of errors, what it sees of its request, its fairness. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DirtyApp } from "../../src/dirty/app.ts";
import { DirtyError, DirtyQueueFullError } from "../../src/protocol/errors.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { WINDOW } from "../../src/protocol/window.ts";
import { until } from "../dirty/wire-peer.ts";
import type { WorkerClient } from "../worker-contract/client.ts";
import { Stage } from "./stage.ts";

const SECRET = "swordfish";
let notes: unknown[] = [];
let kept: AbortSignal | undefined;

class App extends DirtyApp {
  static override concurrency = 1000;

  plain(...args: unknown[]): unknown {
    return args;
  }

  async *streams(to: number): AsyncGenerator<number> {
    for (let n = 0; n < to; n++) {
      await sleep(1);
      yield n;
    }
  }

  async givesGenerator(to: number): Promise<AsyncGenerator<number>> {
    await sleep(1);
    return this.streams(to);
  }

  givesIterable(to: number): AsyncIterable<number> {
    const inner = this.streams(to);
    return { [Symbol.asyncIterator]: () => inner };
  }

  givesWebStream(to: number): ReadableStream<number> {
    return new ReadableStream({
      start(controller) {
        for (let n = 0; n < to; n++) controller.enqueue(n);
        controller.close();
      },
    });
  }

  *yieldsPromises(): Generator<unknown> {
    yield Promise.resolve(1);
  }

  value(name: string): unknown {
    return { undefined, map: new Map(), instance: new App() }[name];
  }

  async *yieldsBadly(): AsyncGenerator<unknown> {
    try {
      yield "good";
      yield new Date(0);
    } finally {
      notes.push("settled");
    }
  }

  throws(kind: string): never {
    switch (kind) {
      case "error": {
        const error = new TypeError("no such token");
        error.stack = `${SECRET} in the stack`;
        throw Object.assign(error, { apiKey: SECRET });
      }
      case "cause":
        throw new Error("outer", { cause: new Error(SECRET) });
      case "text":
        throw "just text";
      case "undefined":
        throw undefined;
      case "queue full":
        throw new DirtyQueueFullError("upstream is full", { details: { retry_after: 3 } });
      case "details that cannot cross":
        throw new DirtyError("with a date", { details: { at: new Date(0) } });
      case "an object without a prototype":
        throw Object.create(null);
      default:
        throw new Error(kind);
    }
  }

  request_(): unknown {
    const { id, deadline, emitted, signal } = this.request;
    return { id, left: deadline - Date.now(), emitted, aborted: signal.aborted };
  }

  async *ids(turns: number): AsyncGenerator<string> {
    for (let n = 0; n < turns; n++) {
      yield this.request.id;
      if (n % 3 === 1) await sleep(1);
      if (n % 3 === 2) await new Promise((resolve) => setImmediate(resolve));
      yield await this.idLater();
    }
  }

  *idsAtOnce(turns: number): Generator<string> {
    for (let n = 0; n < turns; n++) yield this.request.id;
  }

  async idLater(): Promise<string> {
    await null;
    return this.request.id;
  }

  async *holds(): AsyncGenerator<string> {
    const { signal, id } = this.request;
    signal.addEventListener("abort", () => notes.push({ in: "listener", id: this.request.id }));
    try {
      yield id;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    } catch (error) {
      notes.push({ in: "catch", id: this.request.id });
      throw error;
    } finally {
      notes.push({ in: "finally", id: this.request.id, aborted: signal.aborted });
    }
  }

  async hangs(): Promise<void> {
    await new Promise((resolve) => this.request.signal.addEventListener("abort", resolve));
    notes.push(this.request.signal.reason);
  }

  keeps(): void {
    kept = this.request.signal;
  }

  *floods(size: number): Generator<string> {
    for (let n = 0; ; n++) yield String(n).padStart(size, "0");
  }
}

let stage: Stage;
let client: WorkerClient;

beforeEach(async () => {
  notes = [];
  stage = await Stage.open({ "app:App": App });
  client = await stage.client();
});

afterEach(async () => {
  await stage.close();
});

describe("an action", () => {
  test.for(["givesGenerator", "givesIterable", "givesWebStream"])("that %s streams it", async (action) => {
    const { types, chunks } = await client.outcome(action, { args: [3] });
    expect(types).toEqual([MSG.STARTED, MSG.CHUNK, MSG.CHUNK, MSG.CHUNK, MSG.END]);
    expect(chunks).toEqual([0, 1, 2]);
  });

  test("that gives nothing gives null", async () => {
    expect(await client.outcome("value", { args: ["undefined"] })).toMatchObject({
      type: MSG.RESPONSE,
      result: null,
    });
  });

  test.for(["map", "instance"])("whose result is a %s says that it cannot cross", async (name) => {
    const { error } = await client.outcome("value", { args: [name] });
    expect(error).toMatchObject({ error_type: "DirtyProtocolError", message: /cannot cross/ });
  });

  test("whose chunk cannot cross is ended behind the error", async () => {
    const { id, slot } = client.run("yieldsBadly");
    expect((await client.over(id)).type).toBe(MSG.ERROR);
    await stage.frees(slot);
    expect(notes).toEqual(["settled"]);
  });

  test("that yields a promise without waiting for it is told so", async () => {
    expect((await client.outcome("yieldsPromises")).error.message).toContain("Promise");
  });
});

describe("an error of the app", () => {
  test("crosses without its stack and whatever else it holds", async () => {
    const { error } = await client.outcome("throws", { args: ["error"] });
    expect(error).toMatchObject({ error_type: "DirtyAppError", message: "no such token" });
    expect(JSON.stringify(error)).not.toContain(SECRET);
    expect(JSON.stringify(await client.outcome("throws", { args: ["cause"] }))).not.toContain(SECRET);
  });

  test("of one of our types keeps it", async () => {
    const { error } = await client.outcome("throws", { args: ["queue full"] });
    expect(error).toMatchObject({ error_type: "DirtyQueueFullError", details: { retry_after: 3 } });
  });

  test.for(["text", "undefined", "details that cannot cross", "an object without a prototype"])(
    "that is %s is an error all the same, and frees its slot",
    async (kind) => {
      const { id, slot } = client.run("throws", { args: [kind] });
      expect((await client.over(id)).error.error_type).toMatch(/^Dirty\w*Error$/);
      await stage.frees(slot);
    },
  );
});

describe("this.request", () => {
  test("has the id, the deadline, the signal and what was emitted", async () => {
    const { result } = await client.outcome("request_", { requestId: "abc-1", ms: 5000 });
    expect(result).toMatchObject({ id: "abc-1", emitted: [], aborted: false });
    const { left } = result as { left: number };
    expect(left).toBeLessThanOrEqual(5001);
  });

  test("is each run's own, also after each yield, when many run at once", async () => {
    const runs = Array.from({ length: 50 }, (_, index) => {
      const requestId = `request-${index}`;
      const action = index % 2 === 0 ? "ids" : "idsAtOnce";
      return { requestId, ...client.run(action, { requestId, args: [40] }) };
    });
    for (const { id, requestId } of runs) {
      const { type, chunks } = await client.over(id);
      expect(type).toBe(MSG.END);
      expect(new Set(chunks)).toEqual(new Set([requestId]));
    }
  });

  test("is each run's own where it is aborted, caught and cleaned up", async () => {
    const runs = Array.from({ length: 5 }, (_, index) => {
      const requestId = `request-${index}`;
      return { requestId, ...client.run("holds", { requestId }) };
    });
    for (const { id } of runs) await client.has(id, 1);
    for (const { id, slot, requestId } of runs) {
      notes = [];
      client.cancel(id);
      await stage.frees(slot);
      expect(notes).toEqual([
        { in: "listener", id: requestId },
        { in: "catch", id: requestId },
        { in: "finally", id: requestId, aborted: true },
      ]);
    }
  });

  test("is aborted at the run's deadline with the error that the caller gets", async () => {
    const { id, slot } = client.run("hangs", { ms: 50 });
    expect((await client.over(id)).error.error_type).toBe("DirtyTimeoutError");
    await stage.frees(slot);
    expect(notes).toMatchObject([{ name: "DirtyTimeoutError" }]);
  });

  test("is not aborted later where the run ended in time", async () => {
    const since = performance.now();
    await client.outcome("keeps", { ms: 60 });
    await until(
      () => "its deadline has passed",
      () => performance.now() - since > 100,
    );
    expect(kept?.aborted).toBe(false);
  });
});

test("a generator that never waits keeps no others from being served, nor from being cancelled", async () => {
  const { id, slot } = client.run("floods", { args: [10] });
  const granting = setInterval(() => client.grant(id, WINDOW), 5);
  try {
    await client.has(id, 1000);
    for (let count = 0; count < 5; count++)
      expect((await client.outcome("plain", { args: [count] })).result).toEqual([count]);
    client.cancel(id);
    await stage.frees(slot);
  } finally {
    clearInterval(granting);
  }
});
