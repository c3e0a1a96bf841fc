/** What readers of resumable streams see, between real processes. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { DirtyClient } from "../../src/dirty/client.ts";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";
import type { FleetProcess } from "./fleet-process.ts";
import { eventually } from "./harness.ts";
import { Reading } from "./reading.ts";

const APP = `
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";

export class App extends DirtyApp {
  static concurrency = Number(process.env.CONCURRENCY ?? 8);
  static continues = ["counts"];
  #note(what) {
    const { id, emitted } = this.request;
    appendFileSync("notes.log", JSON.stringify({ what, id, pid: process.pid, emitted: emitted.length, at: Date.now() }) + "\\n");
  }
  pid() { return process.pid; }
  memory() { return process.memoryUsage().rss; }
  async *counts(n, ms, first = ms) { yield* this.plain(n, ms, first); }
  async *plain(n, ms, first = ms) {
    const { signal, emitted } = this.request;
    this.#note("began");
    signal.addEventListener("abort", () => this.#note("aborted"));
    for (let i = emitted.length; i < n; i++) {
      await sleep(i === 0 ? first : ms, undefined, { signal });
      while (existsSync("held") && i >= Number(readFileSync("held", "utf8"))) await sleep(10, undefined, { signal });
      yield i;
    }
    this.#note("ended");
  }
  #made = 0;
  made() { return this.#made; }
  async *large(n, size, ms) {
    const { signal } = this.request;
    this.#note("began");
    for (let i = 0; i < n; i++) { this.#made++; yield String(i).padStart(size, "0"); await sleep(ms, undefined, { signal }); }
    this.#note("ended");
  }
  async *fails() { yield 1; await sleep(50); throw new Error("the model broke"); }
  async job(ms) { this.#note("began"); await sleep(ms); this.#note("ended"); return "result"; }
}
`;

const SPEC = "./app.mjs:App";

let fleet: Fleet;

async function open({
  concurrency = 8,
  ...options
}: Partial<FleetOptions> & { concurrency?: number } = {}): Promise<void> {
  fleet = await Fleet.open({ app: APP, env: { CONCURRENCY: String(concurrency) }, ...options });
}

afterEach(async () => {
  await fleet.close();
});

function notes(what: string): { id: string; pid: number; emitted: number; at: number }[] {
  const file = join(fleet.folder, "notes.log");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter((note) => note.what === what);
}

/** A resumable stream that is read, and its id. */
function begin(
  action: string,
  args: unknown[],
  client: DirtyClient = fleet.client,
): { id: string; reading: Reading; left: AbortController; accepted: Promise<void> } {
  const id = createStreamId();
  const left = new AbortController();
  const stream = client
    .with({ streamId: id, signal: left.signal, requestId: "run" })
    .stream(SPEC, action, ...args);
  return { id, reading: new Reading(stream), left, accepted: stream.accepted() };
}

function resume(id: string, after = 0, client: DirtyClient = fleet.client): Reading {
  return new Reading(client.resume(id, { after }));
}

/** What a reading of a stream ends with. */
async function codeOf(id: string, after = 0): Promise<string | undefined> {
  const reading = resume(id, after);
  await reading.ended();
  return reading.error?.code;
}

/** Does something while a worker is stopped. */
async function paused<Result>(worker: FleetProcess | undefined, act: () => Promise<Result>): Promise<Result> {
  worker?.process.kill("SIGSTOP");
  try {
    return await act();
  } finally {
    worker?.process.kill("SIGCONT");
  }
}

/** Has the runs that count wait before a number, so that they outlast what the test does meanwhile. @returns lets them go on. */
function hold(before: number): () => void {
  const file = join(fleet.folder, "held");
  writeFileSync(file, String(before));
  return () => rmSync(file);
}

const count = (n: number, from = 0): number[] => Array.from({ length: n - from }, (_, i) => from + i);

describe("a reader that was cut off", () => {
  test("reads on through another HTTP worker: no token is lost or repeated", async () => {
    await open();
    const first = fleet.anotherClient();
    const { id, reading } = begin("plain", [100, 10], first.client);
    await reading.has(20);
    first.die();
    const seen = reading.values.slice(0, 20);
    const rest = resume(id, seen.length);
    await rest.ended();
    expect([...seen, ...rest.values]).toEqual(count(100));
    expect(notes("began")).toHaveLength(1);
    expect(notes("aborted")).toHaveLength(0);
  });

  test("reads from the beginning, from any place, and from the end, also after the run's end", async () => {
    await open();
    const { id, reading } = begin("plain", [10, 5]);
    await reading.ended();
    for (const after of [0, 3, 9, 10]) {
      const again = resume(id, after);
      await again.ended();
      expect(again.error).toBeUndefined();
      expect(again.values).toEqual(count(10, after));
    }
    expect(notes("began")).toHaveLength(1);
  });

  test("finds the stream before its first token", async () => {
    await open();
    const { id, left } = begin("plain", [5, 10, 400]);
    await eventually("it began", () => notes("began").length === 1);
    left.abort();
    const rest = resume(id);
    await rest.ended();
    expect(rest.values).toEqual(count(5));
    expect(notes("aborted")).toHaveLength(0);
  });

  test("gets the run's error where that is its end", async () => {
    await open();
    const { id, reading } = begin("fails", []);
    await reading.ended();
    expect(reading.error).toMatchObject({ code: "DIRTY_APP" });
    const again = resume(id);
    await again.ended();
    expect(again.values).toEqual([1]);
    expect(again.error).toMatchObject({ code: "DIRTY_APP", message: "the model broke" });
  });

  test("gets a plain action's result", async () => {
    await open();
    const id = createStreamId();
    const left = new AbortController();
    const call = fleet.client.with({ streamId: id, signal: left.signal }).execute(SPEC, "job", 300);
    call.catch(() => {});
    await eventually("it began", () => notes("began").length === 1);
    left.abort();
    const again = resume(id);
    await again.ended();
    expect(again.values).toEqual(["result"]);
  });
});

describe("several readers", () => {
  test("at once all get the whole stream, from one run", async () => {
    await open();
    const { id, reading } = begin("plain", [80, 10]);
    await reading.has(10);
    const others = [resume(id), resume(id, 5), resume(id, 0, fleet.anotherClient().client)];
    for (const one of [reading, ...others]) await one.ended();
    expect(reading.values).toEqual(count(80));
    expect(others.map(({ values }) => values)).toEqual([count(80), count(80, 5), count(80)]);
    expect(notes("began")).toHaveLength(1);
  });

  test("do not wait for the slow one, which is told when it has fallen too far behind", async () => {
    await open();
    const { id, reading } = begin("large", [400, 32 * 1024, 2]);
    await reading.has(1);
    const slow = resume(id);
    await slow.has(1);
    slow.halt();
    await reading.ended();
    expect(reading.values).toHaveLength(400);
    slow.goOn();
    await slow.ended();
    expect(slow.error).toMatchObject({ code: "DIRTY_STREAM_GONE" });
    expect(slow.values.length).toBeLessThan(400);
    expect(slow.values.map(Number)).toEqual(count(slow.values.length));
  });

  test("hold the run when all of them are slow, and memory stays flat", async () => {
    await open();
    const { id, reading } = begin("large", [20_000, 32 * 1024, 0]);
    const other = resume(id);
    await reading.has(1);
    await other.has(1);
    reading.halt();
    other.halt();
    const before = Number(await fleet.client.execute(SPEC, "memory"));
    let made = -1;
    await eventually("the run stands still", async () => {
      const before = made;
      made = Number(await fleet.client.execute(SPEC, "made"));
      return made === before;
    });
    expect(made).toBeLessThan(1000);
    expect(Number(await fleet.client.execute(SPEC, "memory")) - before).toBeLessThan(30e6);
    await reading.leave();
    other.goOn();
    await other.has(200);
    expect(other.values.slice(0, 200).map(Number)).toEqual(count(200));
  });
});

describe("a stream that waits for a slot", () => {
  async function full(): Promise<{ id: string; left: AbortController; blocker: ReturnType<typeof begin> }> {
    await open({ concurrency: 1 });
    const blocker = begin("plain", [10_000, 10]);
    await blocker.reading.has(1);
    const { id, left, accepted } = begin("plain", [20, 5]);
    await accepted;
    return { id, left, blocker };
  }

  /** Ends the run that has the only slot. */
  async function makeRoom({ id, reading }: ReturnType<typeof begin>): Promise<void> {
    await fleet.client.cancel(id);
    await reading.ended();
  }

  test("is accepted before it has one, and a reader that asks for it then gets all of it", async () => {
    const { id, blocker } = await full();
    const stream = fleet.anotherClient().client.resume(id);
    await stream.accepted();
    expect(notes("began")).toHaveLength(1);
    await makeRoom(blocker);
    const reading = new Reading(stream);
    await reading.ended();
    expect(reading.values).toEqual(count(20));
    expect(notes("began")).toHaveLength(2);
  });

  test("runs although its client has left", async () => {
    const { id, left, blocker } = await full();
    left.abort();
    await makeRoom(blocker);
    await eventually("it runs", () => notes("began").length === 2);
    const reading = resume(id);
    await reading.ended();
    expect(reading.values).toEqual(count(20));
  });

  test("runs although its HTTP worker has died", async () => {
    await open({ concurrency: 1 });
    const blocker = begin("plain", [10_000, 10]);
    await blocker.reading.has(1);
    const doomed = fleet.anotherClient();
    const { id, accepted } = begin("plain", [20, 5], doomed.client);
    await accepted;
    const waiting = fleet.client.resume(id);
    await waiting.accepted();
    doomed.die();
    const readings = [new Reading(waiting), resume(id)];
    await makeRoom(blocker);
    for (const reading of readings) {
      await reading.ended();
      expect(reading.error).toBeUndefined();
      expect(reading.values).toEqual(count(20));
    }
    expect(notes("began")).toHaveLength(2);
  });

  test("is not run once its grace is over", async () => {
    await open({ concurrency: 1, flags: ["--stream-grace", "0.2"] });
    const blocker = begin("plain", [150, 10]);
    await blocker.reading.has(1);
    const { id, left } = begin("plain", [20, 5]);
    const doomed = fleet.anotherClient();
    const adopted = begin("plain", [20, 5], doomed.client);
    await adopted.accepted;
    const known = fleet.client.resume(adopted.id);
    await known.accepted();
    await known[Symbol.asyncIterator]().return?.();
    left.abort();
    doomed.die();
    await blocker.reading.ended();
    expect(await codeOf(id)).toBe("DIRTY_STREAM_NOT_FOUND");
    expect(await codeOf(adopted.id)).toBe("DIRTY_STREAM_NOT_FOUND");
    expect(notes("began")).toHaveLength(1);
  });

  test("is asked for again when the dirty arbiter dies, and read by the reader that waited for it", async () => {
    const { id, blocker } = await full();
    const stream = fleet.client.resume(id);
    await stream.accepted();
    const reading = new Reading(stream);
    await fleet.replaceArbiter();
    await makeRoom(blocker);
    await reading.ended();
    expect(blocker.reading.values).toEqual(count(blocker.reading.values.length));
    expect(reading.error).toBeUndefined();
    expect(reading.values).toEqual(count(20));
    expect(notes("began")).toHaveLength(2);
  });
});

describe("without a reader", () => {
  test("a run is aborted when its grace is over, and no reader finds it any more", async () => {
    await open({ flags: ["--stream-grace", "0.3"] });
    const { id, reading, left } = begin("plain", [1000, 10]);
    await reading.has(2);
    const leftAt = Date.now();
    left.abort();
    await eventually("it is aborted", () => notes("aborted").length === 1);
    expect((notes("aborted")[0]?.at ?? 0) - leftAt).toBeGreaterThanOrEqual(290);
    expect(await codeOf(id)).toBe("DIRTY_STREAM_NOT_FOUND");
  });

  test("a run goes on while a reader comes back in time, again and again", async () => {
    await open({ flags: ["--stream-grace", "1"] });
    const { id, reading, left } = begin("plain", [180, 10]);
    await reading.has(2);
    left.abort();
    let after = 2;
    for (let visits = 0; visits < 3; visits++) {
      const visit = resume(id, after);
      await visit.has(40);
      await visit.leave();
      expect(visit.values).toEqual(count(after + visit.values.length, after));
      after += visit.values.length;
    }
    const last = resume(id, after);
    await last.ended();
    expect(last.values).toEqual(count(180, after));
    expect(notes("aborted")).toHaveLength(0);
  });

  test("a run whose worker dies is gone", async () => {
    await open({ workers: 2 });
    const { id, reading, left } = begin("counts", [1000, 10]);
    await reading.has(2);
    left.abort();
    await eventually("it was left", () => reading.over);
    await fleet.workers.find(({ pid }) => pid === notes("began")[0]?.pid)?.kill();
    expect(await codeOf(id)).toBe("DIRTY_STREAM_GONE");
    expect(await fleet.client.cancel(id).catch((error) => error.code)).toBe("DIRTY_STREAM_GONE");
    expect(notes("began")).toHaveLength(1);
  });
});

describe("what is not kept", () => {
  test("an id that was never used, or that has a wrong form, is not found", async () => {
    await open();
    for (const id of [createStreamId(), "str_", "", "../../etc", "str_ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ"]) {
      expect(await codeOf(id), id).toBe("DIRTY_STREAM_NOT_FOUND");
      expect(await fleet.client.cancel(id).catch((error) => error.code)).toBe("DIRTY_STREAM_NOT_FOUND");
      await expect(fleet.client.resume(id).accepted()).rejects.toMatchObject({
        code: "DIRTY_STREAM_NOT_FOUND",
      });
    }
  });

  test("the beginning of a stream of more than 4 MiB is gone, and its end is not", async () => {
    await open();
    const { id, reading } = begin("large", [200, 32 * 1024, 0]);
    await reading.ended();
    expect(reading.values).toHaveLength(200);
    expect(await codeOf(id, 10)).toBe("DIRTY_STREAM_GONE");
    await expect(fleet.client.resume(id, { after: 10 }).accepted()).rejects.toMatchObject({
      code: "DIRTY_STREAM_GONE",
    });
    const end = resume(id, 190);
    await end.ended();
    expect(end.values.map(Number)).toEqual(count(200, 190));
  });
});

describe("a stream that is cancelled by its name", () => {
  test("while it runs is aborted, and its readers are told", async () => {
    await open();
    const { id, reading } = begin("plain", [1000, 10]);
    const other = resume(id);
    await reading.has(3);
    await other.has(3);
    await fleet.anotherClient().client.cancel(id);
    await reading.ended();
    await other.ended();
    expect([reading.error?.code, other.error?.code]).toEqual(["DIRTY_CANCELLED", "DIRTY_CANCELLED"]);
    await eventually("it is aborted", () => notes("aborted").length === 1);
    expect(await codeOf(id)).toBe("DIRTY_STREAM_NOT_FOUND");
  });

  test("while it waits never runs", async () => {
    await open({ concurrency: 1 });
    const blocker = begin("plain", [10_000, 10]);
    await blocker.reading.has(1);
    const { id, reading } = begin("plain", [20, 5]);
    const other = resume(id);
    await fleet.client.resume(id).accepted();
    await fleet.client.cancel(id);
    await reading.ended();
    await other.ended();
    expect([reading.error?.code, other.error?.code]).toEqual(["DIRTY_CANCELLED", "DIRTY_CANCELLED"]);
    expect(blocker.reading.over).toBe(false);
    await fleet.client.cancel(blocker.id);
    await blocker.reading.ended();
    expect(await codeOf(id)).toBe("DIRTY_STREAM_NOT_FOUND");
    // What comes behind it is served.
    await fleet.client.execute(SPEC, "pid");
    expect(notes("began")).toHaveLength(1);
  });

  test("after its end is forgotten", async () => {
    await open();
    const { id, reading } = begin("plain", [3, 1]);
    await reading.ended();
    expect(reading.error).toBeUndefined();
    await fleet.client.cancel(id);
    expect(await codeOf(id)).toBe("DIRTY_STREAM_NOT_FOUND");
  });
});

describe("when its worker dies", () => {
  test("all readers of a stream that continues read on, from one new run", async () => {
    await open({ workers: 2 });
    const goOn = hold(100);
    const { id, reading } = begin("counts", [150, 10]);
    await reading.has(5);
    const other = resume(id, 3, fleet.anotherClient().client);
    await other.has(5);
    await fleet.workers.find(({ pid }) => pid === notes("began")[0]?.pid)?.kill();
    goOn();
    await reading.ended();
    await other.ended();
    expect([reading.error, other.error]).toEqual([undefined, undefined]);
    expect(reading.values).toEqual(count(150));
    expect(other.values).toEqual(count(150, 3));
    expect(notes("began")).toHaveLength(2);
    const late = resume(id);
    await late.ended();
    expect(late.values).toEqual(count(150));
  });

  test("a reader that is ahead of it reads on too, from its own place", async () => {
    await open({ workers: 3 });
    const goOn = hold(60);
    const { id, reading, left } = begin("counts", [120, 20]);
    await reading.has(3);
    const stream = fleet.anotherClient().client.resume(id, { after: 90 });
    await stream.accepted();
    const ahead = new Reading(stream);
    await fleet.workers.find(({ pid }) => pid === notes("began")[0]?.pid)?.kill();
    await reading.has(30);
    // Now alone, and still ahead, it has the run continued with what it never passes on.
    left.abort();
    await eventually("it runs elsewhere", () => notes("began").length === 2);
    await fleet.workers.find(({ pid }) => pid === notes("began")[1]?.pid)?.kill();
    expect(ahead.values).toEqual([]);
    goOn();
    await ahead.ended();
    expect(ahead.error).toBeUndefined();
    expect(ahead.values).toEqual(count(120, 90));
    expect(notes("began")).toHaveLength(3);
    expect(notes("began")[2]?.emitted).toBeGreaterThanOrEqual(30);
  });

  test("the readers of one that does not get an error, and it is gone", async () => {
    await open({ workers: 2 });
    const { id, reading } = begin("plain", [1000, 10]);
    await reading.has(5);
    await fleet.workers.find(({ pid }) => pid === notes("began")[0]?.pid)?.kill();
    await reading.ended();
    expect(reading.error).toMatchObject({ code: "DIRTY_WORKER" });
    expect(await codeOf(id)).toBe("DIRTY_STREAM_GONE");
  });

  test("a reader that only resumed has it continued when the first one has left", async () => {
    await open({ workers: 2 });
    const goOn = hold(100);
    const { id, reading, left } = begin("counts", [120, 10]);
    await reading.has(5);
    const other = resume(id, 5);
    await other.has(5);
    left.abort();
    await fleet.workers.find(({ pid }) => pid === notes("began")[0]?.pid)?.kill();
    goOn();
    await other.ended();
    expect(other.error).toBeUndefined();
    expect(other.values).toEqual(count(120, 5));
    expect(notes("began").map(({ id, emitted }) => [id, emitted > 5])).toEqual([
      ["run", false],
      ["run", true],
    ]);
  });
});

describe("when the dirty arbiter dies", () => {
  test("a stream is found through its successor", async () => {
    await open({ workers: 2 });
    const { id, reading, left } = begin("plain", [200, 10]);
    const ended = begin("plain", [5, 1]);
    await ended.reading.ended();
    await reading.has(5);
    left.abort();
    await fleet.replaceArbiter();
    const rest = resume(id, 5);
    await rest.ended();
    expect(rest.error).toBeUndefined();
    expect(rest.values).toEqual(count(200, 5));
    const again = resume(ended.id);
    await again.ended();
    expect(again.values).toEqual(count(5));
    await fleet.client.cancel(ended.id);
    expect(await codeOf(ended.id)).toBe("DIRTY_STREAM_NOT_FOUND");
  });

  test("a stream is found though its worker comes to the successor late, and no reader is told that it does not exist", async () => {
    await open({ workers: 2 });
    const { id, reading, left } = begin("plain", [200, 10]);
    await reading.has(5);
    left.abort();
    const worker = fleet.workers.find(({ pid }) => pid === notes("began")[0]?.pid);
    const [rest, never] = await paused(worker, async () => {
      await fleet.replaceArbiter();
      const asked = [resume(id, 5), resume(createStreamId())] as const;
      await expect(asked[1].ended(2000)).rejects.toThrow();
      return asked;
    });
    await rest.ended();
    expect(rest.error).toBeUndefined();
    expect(rest.values).toEqual(count(200, 5));
    await never.ended();
    expect(never.error).toMatchObject({ code: "DIRTY_STREAM_NOT_FOUND" });
  });

  test("and a worker stays away for longer than dirtyQueueTimeout, its readers are told when to ask again", async () => {
    await open({ flags: ["--dirty-queue-timeout", "1.2"] });
    const { id, reading } = begin("plain", [3, 1]);
    await reading.ended();
    await paused(fleet.workers[0], async () => {
      await fleet.replaceArbiter();
      expect(await codeOf(id)).toBe("DIRTY_QUEUE_TIMEOUT");
    });
    await eventually("it is found again", async () => (await codeOf(id)) === undefined);
  });

  test("a stream with two readers goes on in one new run when its worker dies too", async () => {
    await open({ workers: 2 });
    const goOn = hold(100);
    const { id, reading } = begin("counts", [200, 10]);
    await reading.has(5);
    const other = resume(id, 0, fleet.anotherClient().client);
    await other.has(5);
    await fleet.replaceArbiter();
    await fleet.workers.find(({ pid }) => pid === notes("began")[0]?.pid)?.kill();
    goOn();
    await reading.ended();
    await other.ended();
    expect(reading.values).toEqual(count(200));
    expect(other.values).toEqual(count(200));
    expect(notes("began")).toHaveLength(2);
  });
});

test("a worker that drains waits for a reader that is not through", async () => {
  await open({ workers: 2 });
  const { id, reading } = begin("large", [100, 32 * 1024, 0]);
  const slow = resume(id);
  await slow.has(1);
  slow.halt();
  await reading.ended();
  const pid = notes("began")[0]?.pid;
  const worker = fleet.workers.find((one) => one.pid === pid);
  worker?.tell({ type: "stop", graceful: true });
  slow.goOn();
  await slow.ended();
  expect(slow.error).toBeUndefined();
  expect(slow.values.map(Number)).toEqual(count(100));
  await eventually("the worker has ended", () => worker?.process.exitCode === 0);
});
