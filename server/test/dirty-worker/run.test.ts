/** One run: what an action may be, what crosses, what it sees of its request, and how it ends. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DirtyApp } from "../../src/dirty/app.ts";
import { DirtyError, DirtyQueueFullError } from "../../src/protocol/errors.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { WINDOW } from "../../src/protocol/window.ts";
import { until } from "../dirty/wire-peer.ts";
import { Stage, type StageClient } from "./stage.ts";

const SECRET = "swordfish";
let notes: unknown[] = [];

class App extends DirtyApp {
  static override concurrency = 1000;

  plain(...args: unknown[]): unknown {
    return args;
  }

  async later(...args: unknown[]): Promise<unknown> {
    await tick();
    return args;
  }

  *counts(to: number): Generator<number, string> {
    for (let n = 0; n < to; n++) yield n;
    return "the return value is no chunk";
  }

  async *streams(to: number): AsyncGenerator<number> {
    for (let n = 0; n < to; n++) {
      await tick();
      yield n;
    }
  }

  async givesGenerator(to: number): Promise<AsyncGenerator<number>> {
    await tick();
    return this.streams(to);
  }

  givesIterable(to: number): AsyncIterable<number> {
    const inner = this.streams(to);
    return { [Symbol.asyncIterator]: () => inner };
  }

  givesWebStream(): ReadableStream<string> {
    return new ReadableStream({
      start(controller) {
        for (const word of ["a", "b"]) controller.enqueue(word);
        controller.close();
      },
    });
  }

  *yieldsPromises(): Generator<unknown> {
    yield Promise.resolve(1);
  }

  value(name: string): unknown {
    return {
      undefined: undefined,
      list: [1, [2]],
      bytes: new Uint8Array([1, 2]),
      date: new Date(0),
      map: new Map(),
      instance: new App(),
    }[name];
  }

  async *yieldsBadly(): AsyncGenerator<unknown> {
    try {
      yield "good";
      yield new Date(0);
    } finally {
      notes.push("settled");
    }
  }

  *nothing(): Generator<string> {}

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
      case "dirty":
        throw new DirtyError("mine", { details: { n: 1 } });
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

  async *throwsMidway(): AsyncGenerator<string> {
    yield "a";
    yield "b";
    throw new Error("half way");
  }

  request_(): unknown {
    const { id, deadline, emitted, signal } = this.request;
    return { id, left: deadline - Date.now(), emitted, aborted: signal.aborted };
  }

  async *ids(turns: number): AsyncGenerator<string> {
    for (let n = 0; n < turns; n++) {
      yield this.request.id;
      if (n % 3 === 1) await tick();
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

  async deaf(ms: number): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    notes.push("deaf settled");
    return "nobody hears this";
  }

  *floods(size: number): Generator<string> {
    try {
      for (let n = 0; ; n++) {
        notes.push(n);
        yield String(n).padStart(size, "0");
      }
    } finally {
      notes.push("flood settled");
    }
  }

  async stray(): Promise<string> {
    void Promise.reject(new Error("a stray rejection"));
    return "fine";
  }
}

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

let stage: Stage;
let client: StageClient;

beforeEach(async () => {
  notes = [];
  stage = await Stage.open({ "app:App": App });
  client = await stage.client();
});

afterEach(async () => {
  await stage.close();
});

/** Runs an action to its end. */
async function outcome(action: string, ...args: unknown[]) {
  const { id, slot } = client.runWithSlot(action, { args });
  const { type, dict } = await client.over(id);
  await stage.frees(slot);
  return { type, dict, chunks: client.chunks(id), types: client.types(id) };
}

function errorOf(dict: Readonly<Record<string, unknown>>): {
  error_type: string;
  message: string;
  details: Record<string, unknown>;
} {
  return dict["error"] as ReturnType<typeof errorOf>;
}

describe("an action", () => {
  test("of each plain kind gives its result", async () => {
    for (const action of ["plain", "later"]) {
      const { type, dict } = await outcome(action, 1, "two");
      expect(type).toBe(MSG.RESPONSE);
      expect(dict).toEqual({ result: [1, "two"] });
    }
  });

  test.for(["counts", "streams", "givesGenerator", "givesIterable"])(
    "that streams by %s gives its chunks and END",
    async (action) => {
      const { type, chunks, types } = await outcome(action, 3);
      expect(type).toBe(MSG.END);
      expect(chunks).toEqual([0, 1, 2]);
      expect(types).toEqual([MSG.STARTED, MSG.CHUNK, MSG.CHUNK, MSG.CHUNK, MSG.END]);
    },
  );

  test("that gives a web stream streams it", async () => {
    expect((await outcome("givesWebStream")).chunks).toEqual(["a", "b"]);
  });

  test("that streams nothing ends", async () => {
    expect((await outcome("nothing")).types).toEqual([MSG.STARTED, MSG.END]);
  });

  test("that gives a list gives one value, no stream", async () => {
    expect(await outcome("value", "list")).toMatchObject({
      type: MSG.RESPONSE,
      dict: { result: [1, [2]] },
    });
  });

  test("that gives nothing gives null", async () => {
    expect((await outcome("value", "undefined")).dict).toEqual({});
  });

  test("gets keyword arguments as one plain object behind the others, and none where there are none", async () => {
    const some = client.run("plain", { args: [1], kwargs: { temperature: 2 } });
    expect((await client.over(some)).dict["result"]).toEqual([1, { temperature: 2 }]);
    const none = client.run("plain", { args: [1], kwargs: {} });
    expect((await client.over(none)).dict["result"]).toEqual([1]);
  });

  test("that is not there is an error of its own", async () => {
    for (const action of ["missing", "_internal", "init", "constructor", "toString", "__proto__"]) {
      const { type, dict } = await outcome(action);
      expect(type).toBe(MSG.ERROR);
      expect(errorOf(dict)).toMatchObject({ error_type: "DirtyAppNotFoundError" });
    }
  });

  test.for(["date", "map", "instance"])("whose result is a %s says that it cannot cross", async (name) => {
    const { type, dict } = await outcome("value", name);
    expect(type).toBe(MSG.ERROR);
    expect(errorOf(dict).error_type).toBe("DirtyProtocolError");
    expect(errorOf(dict).message).toContain("cannot cross");
  });

  test("whose chunk cannot cross gives what came before, then the error, and is ended", async () => {
    const { type, dict, chunks } = await outcome("yieldsBadly");
    expect(chunks).toEqual(["good"]);
    expect(type).toBe(MSG.ERROR);
    expect(errorOf(dict).error_type).toBe("DirtyProtocolError");
    expect(notes).toEqual(["settled"]);
  });

  test("that yields a promise without waiting for it is told so", async () => {
    const { type, dict } = await outcome("yieldsPromises");
    expect(type).toBe(MSG.ERROR);
    expect(errorOf(dict).message).toContain("Promise");
  });
});

describe("an error of the app", () => {
  test("crosses with its message and its class, without its stack and whatever else it holds", async () => {
    const { type, dict } = await outcome("throws", "error");
    expect(type).toBe(MSG.ERROR);
    expect(errorOf(dict)).toMatchObject({
      error_type: "DirtyAppError",
      message: "no such token",
      details: { app_path: "app:App", action: "throws", error_class: "TypeError" },
    });
    expect(JSON.stringify(dict)).not.toContain(SECRET);
    expect(JSON.stringify((await outcome("throws", "cause")).dict)).not.toContain(SECRET);
  });

  test("of a dirty type keeps its type and its details", async () => {
    expect(errorOf((await outcome("throws", "dirty")).dict)).toMatchObject({
      error_type: "DirtyError",
      message: "mine",
      details: { n: 1 },
    });
    expect(errorOf((await outcome("throws", "queue full")).dict)).toMatchObject({
      error_type: "DirtyQueueFullError",
      details: { retry_after: 3 },
    });
  });

  test("in mid-stream comes behind the chunks before it", async () => {
    const { chunks, dict, types } = await outcome("throwsMidway");
    expect(chunks).toEqual(["a", "b"]);
    expect(errorOf(dict).message).toBe("half way");
    expect(types.at(-1)).toBe(MSG.ERROR);
  });

  test.for(["text", "undefined", "details that cannot cross", "an object without a prototype"])(
    "that is %s is an error all the same, and frees its slot",
    async (kind) => {
      const { type, dict } = await outcome("throws", kind);
      expect(type).toBe(MSG.ERROR);
      expect(errorOf(dict).error_type).toMatch(/^Dirty\w*Error$/);
      expect(await client.result("plain", "next")).toEqual(["next"]);
    },
  );
});

describe("this.request", () => {
  test("has the id, the deadline, the signal and what was emitted", async () => {
    const id = client.run("request_", { requestId: "abc-1", ms: 5000 });
    const { dict } = await client.over(id);
    const result = dict["result"] as Record<string, unknown>;
    expect(result).toMatchObject({ id: "abc-1", emitted: [], aborted: false });
    expect(result["left"]).toBeGreaterThan(4000);
    expect(result["left"]).toBeLessThanOrEqual(5001);
  });

  test("is each run's own, also after each yield, when many run at once", async () => {
    const runs = Array.from({ length: 50 }, (_, index) => {
      const requestId = `request-${index}`;
      const action = index % 2 === 0 ? "ids" : "idsAtOnce";
      return { requestId, id: client.run(action, { requestId, args: [40] }) };
    });
    for (const { id, requestId } of runs) {
      expect((await client.over(id)).type).toBe(MSG.END);
      expect(new Set(client.chunks(id))).toEqual(new Set([requestId]));
    }
  });

  test("is each run's own where it is aborted, caught and cleaned up", async () => {
    const runs = Array.from({ length: 5 }, (_, index) => {
      const requestId = `request-${index}`;
      return { requestId, ...client.runWithSlot("holds", { requestId }) };
    });
    for (const { id } of runs) await client.has(id, 1);
    for (const { id, slot, requestId } of runs) {
      notes = [];
      client.peer.send([MSG.CANCEL, id]);
      await stage.frees(slot);
      expect(notes).toEqual([
        { in: "listener", id: requestId },
        { in: "catch", id: requestId },
        { in: "finally", id: requestId, aborted: true },
      ]);
    }
  });
});

describe("a run past its time", () => {
  test("answers with a timeout error at its deadline, and its signal is aborted with the same", async () => {
    const began = Date.now();
    const { id, slot } = client.runWithSlot("hangs", { ms: 100 });
    const { type, dict, at } = await client.over(id);
    expect(type).toBe(MSG.ERROR);
    expect(errorOf(dict)).toMatchObject({ error_type: "DirtyTimeoutError", details: { timeout: 0.1 } });
    expect(at - began).toBeGreaterThanOrEqual(95);
    await stage.frees(slot);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatchObject({ name: "DirtyTimeoutError" });
  });

  test("that does not settle keeps its slot until it does, and says nothing more", async () => {
    const { id, slot } = client.runWithSlot("deaf", { ms: 50, args: [300] });
    await client.over(id);
    expect(stage.freed).not.toContain(slot);
    expect(notes).toEqual([]);
    await stage.frees(slot);
    expect(notes).toEqual(["deaf settled"]);
    expect(client.types(id)).toEqual([MSG.STARTED, MSG.ERROR]);
  });

  test("that streams is cut with the error behind its chunks, never in silence", async () => {
    const { id, slot } = client.runWithSlot("streams", { ms: 150, args: [1_000_000] });
    const { type, dict } = await client.over(id);
    expect(type).toBe(MSG.ERROR);
    expect(errorOf(dict).error_type).toBe("DirtyTimeoutError");
    expect(client.types(id).at(-1)).toBe(MSG.ERROR);
    expect(client.chunks(id).length).toBeGreaterThan(10);
    await stage.frees(slot);
  });

  test("that ends in time is not aborted later", async () => {
    const { signal } = await new Promise<{ signal: AbortSignal }>((resolve) => {
      keep = resolve;
      client.run("keeps", { ms: 60, app: "app:App" });
    });
    await until(
      () => "its deadline has passed",
      () => performance.now() - keptAt > 100,
    );
    expect(signal.aborted).toBe(false);
  });
});

let keep: (kept: { signal: AbortSignal }) => void = () => {};
let keptAt = 0;
Object.defineProperty(App.prototype, "keeps", {
  value(this: App) {
    keptAt = performance.now();
    keep({ signal: this.request.signal });
  },
});

describe("credit", () => {
  test("bounds what a stream sends ahead of its reader, to the window and one chunk", async () => {
    const id = client.run("floods", { args: [1000] });
    await client.has(id, 200);
    const other = await client.result("plain", "still served");
    expect(other).toEqual(["still served"]);
    await until(
      () => "the generator stands",
      standsStill(() => notes.length),
    );
    const bytes = client.chunks(id).length * 1000;
    expect(bytes).toBeGreaterThan(WINDOW * 0.9);
    expect(bytes).toBeLessThanOrEqual(WINDOW + 1000);
    expect(notes.length).toBe(client.chunks(id).length);
  });

  test("lets the stream go on where it stopped", async () => {
    const id = client.run("floods", { args: [1000] });
    await until(
      () => "the generator stands",
      standsStill(() => client.chunks(id).length),
    );
    const stopped = client.chunks(id).length;
    client.peer.send([MSG.CREDIT, id, { bytes: WINDOW / 2 }]);
    await client.has(id, stopped + 100);
    await until(
      () => "the generator stands",
      standsStill(() => client.chunks(id).length),
    );
    expect(client.chunks(id).map(Number)).toEqual(client.chunks(id).map((_, index) => index));
    expect(client.chunks(id).length - stopped).toBeLessThanOrEqual(WINDOW / 2 / 1000 + 1);
  });

  test("cannot be hoarded beyond the window", async () => {
    const id = client.run("floods", { args: [1000] });
    client.peer.send(
      ...Array.from({ length: 100 }, (): [number, number, unknown] => [MSG.CREDIT, id, { bytes: WINDOW }]),
    );
    await until(
      () => "the generator stands",
      standsStill(() => client.chunks(id).length),
    );
    expect(client.chunks(id).length).toBeLessThan((4 * WINDOW) / 1000);
  });

  test("of a chunk larger than the window is enough to send it, and to go on", async () => {
    const id = client.run("floods", { args: [3 * WINDOW] });
    await client.has(id, 1);
    client.peer.send([MSG.CREDIT, id, { bytes: 3 * WINDOW + 100 }]);
    await client.has(id, 2);
  });

  test("that a stream waits for does not hold up its cancel", async () => {
    const { id, slot } = client.runWithSlot("floods", { args: [1000] });
    await until(
      () => "the generator stands",
      standsStill(() => notes.length),
    );
    client.peer.send([MSG.CANCEL, id]);
    await stage.frees(slot);
    expect(notes.at(-1)).toBe("flood settled");
  });
});

describe("a generator that never waits", () => {
  test("does not keep others from being served, nor from being cancelled", async () => {
    const { id, slot } = client.runWithSlot("floods", { args: [10] });
    const granting = setInterval(() => client.peer.send([MSG.CREDIT, id, { bytes: WINDOW }]), 5);
    try {
      await client.has(id, 1000);
      for (let count = 0; count < 5; count++) expect(await client.result("plain", count)).toEqual([count]);
      client.peer.send([MSG.CANCEL, id]);
      await stage.frees(slot);
    } finally {
      clearInterval(granting);
    }
  });
});

/** A condition that holds once a number has not changed for a while. */
function standsStill(number: () => number): () => boolean {
  let last = -1;
  let since = 0;
  return () => {
    const now = Date.now();
    if (number() !== last) {
      last = number();
      since = now;
    }
    return last > 0 && now - since > 100;
  };
}
