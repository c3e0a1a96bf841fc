/** What readers see of the death of the worker that answers them, between real processes. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Fleet, type FleetOptions } from "./fleet.ts";
import { eventually } from "./harness.ts";
import { Reading } from "./reading.ts";

const APP = `
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";

export class App extends DirtyApp {
  static concurrency = 8;
  static continues = ["counts", "large", "job"];
  #note(what) {
    const { id, emitted } = this.request;
    appendFileSync("notes.log", JSON.stringify({ what, id, pid: process.pid, emitted: emitted.length, at: Date.now(), left: this.request.deadline - Date.now() }) + "\\n");
  }
  pid() { return process.pid; }
  async *counts(n, ms) {
    const { signal, emitted } = this.request;
    this.#note("began");
    signal.addEventListener("abort", () => this.#note("aborted"));
    for (let i = emitted.length; i < n; i++) { await sleep(ms, undefined, { signal }); yield { n: i }; }
    this.#note("ended");
  }
  async *plain(n, ms) {
    this.#note("began");
    for (let i = 0; i < n; i++) { await sleep(ms, undefined, { signal: this.request.signal }); yield i; }
  }
  async *large(n, size) {
    this.#note("began");
    for (let i = this.request.emitted.length; i < n; i++) { await sleep(5); yield "x".repeat(size); }
    await sleep(60_000, undefined, { signal: this.request.signal });
  }
  async job(ms) { this.#note("began"); await sleep(ms); return "done"; }
}
`;

const SPEC = "./app.mjs:App";

/** What a run wrote down. */
interface Note {
  readonly what: "began" | "aborted" | "ended";
  readonly id: string;
  readonly pid: number;
  readonly emitted: number;
  readonly at: number;
  /** How much of its time was left, in ms. */
  readonly left: number;
}

let fleet: Fleet;

async function open(options: Partial<FleetOptions> = {}): Promise<void> {
  fleet = await Fleet.open({ app: APP, workers: 2, ...options });
}

afterEach(async () => {
  await fleet.close();
});

function notes(what: Note["what"]): Note[] {
  const file = join(fleet.folder, "notes.log");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Note => JSON.parse(line))
    .filter((note) => note.what === what);
}

/** Kills the worker that began the last run. */
async function killRunning(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  const pid = notes("began").at(-1)?.pid;
  const worker = fleet.workers.find((one) => one.pid === pid);
  if (worker === undefined) throw new Error("nothing runs");
  if (signal === "SIGKILL") await worker.kill();
  else worker.process.kill(signal);
}

const count = (n: number): unknown[] => Array.from({ length: n }, (_, i) => ({ n: i }));

describe("a worker that is killed in mid-stream", () => {
  test("is followed by another, and the reader sees one unbroken, unrepeated answer", async () => {
    await open();
    const readings = Array.from(
      { length: 6 },
      () => new Reading(fleet.client.stream(SPEC, "counts", 120, 10)),
    );
    for (const reading of readings) await reading.has(10);
    await fleet.workers[0]?.kill();
    for (const reading of readings) {
      await reading.ended();
      expect(reading.error).toBeUndefined();
      expect(reading.values).toEqual(count(120));
    }
    expect(notes("began").filter(({ emitted }) => emitted > 0)).toHaveLength(3);
    expect(notes("began")).toHaveLength(9);
  });

  test("also when all that waits is in its successor's start, with the run's id kept", async () => {
    await open({ workers: 1 });
    const reading = new Reading(fleet.client.with({ requestId: "the-id" }).stream(SPEC, "counts", 30, 10));
    await reading.has(5);
    await killRunning();
    await fleet.startWorker();
    await reading.ended();
    expect(reading.values).toEqual(count(30));
    expect(notes("began").map(({ id }) => id)).toEqual(["the-id", "the-id"]);
  });

  test("keeps its place in the queue before all that came later, however long it ran", async () => {
    // Longer than a request may wait for a slot.
    await open({ workers: 1, flags: ["--dirty-queue-timeout", "1"] });
    const reading = new Reading(fleet.client.stream(SPEC, "counts", 180, 10));
    await eventually("it ran for longer than a request may wait", () => reading.values.length > 120);
    await killRunning();
    await fleet.startWorker();
    await reading.ended();
    expect(reading.error).toBeUndefined();
    expect(reading.values).toEqual(count(180));
  });

  test("four times ends the answer with an error, and has it continued three times", async () => {
    await open({ workers: 2 });
    const reading = new Reading(fleet.client.stream(SPEC, "counts", 100_000, 5));
    for (let kills = 1; kills <= 4; kills++) {
      await reading.has(kills * 10);
      await eventually("the next has begun", () => notes("began").length === kills);
      await killRunning();
      await fleet.startWorker();
    }
    await reading.ended();
    expect(reading.error).toMatchObject({ code: "DIRTY_WORKER", message: expect.stringContaining("4") });
    expect(notes("began")).toHaveLength(4);
    expect(reading.values).toEqual(count(reading.values.length));
  });

  test("as often as migrationLimit says", async () => {
    await open({ workers: 2, flags: ["--migration-limit", "0"] });
    const reading = new Reading(fleet.client.stream(SPEC, "counts", 100_000, 5));
    await reading.has(3);
    await killRunning();
    await reading.ended();
    expect(reading.error).toMatchObject({ code: "DIRTY_WORKER" });
    expect(notes("began")).toHaveLength(1);
  });

  test("ends an answer that cannot be continued with an error", async () => {
    await open();
    const reading = new Reading(fleet.client.stream(SPEC, "plain", 1000, 10));
    await reading.has(5);
    await killRunning();
    await reading.ended();
    expect(reading.error).toMatchObject({ code: "DIRTY_WORKER" });
    expect(notes("began")).toHaveLength(1);
  });

  test("ends an answer of more than 4 MiB with an error that says why", async () => {
    await open();
    const reading = new Reading(fleet.client.stream(SPEC, "large", 70, 64 * 1024));
    await reading.has(70);
    await killRunning();
    await reading.ended();
    expect(reading.error).toMatchObject({
      code: "DIRTY_WORKER",
      message: expect.stringContaining("too much"),
    });
    expect(notes("began")).toHaveLength(1);
  });

  test("ends a call that waits for one result, also where its action is declared", async () => {
    await open();
    const call = fleet.client.execute(SPEC, "job", 60_000).catch((error: unknown) => error);
    await eventually("it began", () => notes("began").length === 1);
    await killRunning();
    expect(await call).toMatchObject({ code: "DIRTY_WORKER" });
    expect(notes("began")).toHaveLength(1);
  });
});

test("a run that is continued has what is left of its time", async () => {
  await open({ flags: ["--dirty-timeout", "2"] });
  const began = Date.now();
  const reading = new Reading(fleet.client.stream(SPEC, "counts", 100_000, 10));
  await eventually("a second has gone", () => Date.now() - began > 1000);
  await killRunning();
  await reading.ended();
  expect(reading.error).toMatchObject({ code: "DIRTY_TIMEOUT" });
  expect(reading.overAt - began).toBeGreaterThan(1900);
  expect(notes("began")).toHaveLength(2);
  expect(notes("began")[1]?.left).toBeLessThan(1010);
});

test("a worker that is stopped is never doubled: its reader waits", async () => {
  await open();
  const reading = new Reading(fleet.client.stream(SPEC, "counts", 40, 10));
  await reading.has(5);
  const pid = notes("began")[0]?.pid;
  await killRunning("SIGSTOP");
  const stoppedAt = Date.now();
  await eventually("it was silent for much longer than a worker may be", () => Date.now() - stoppedAt > 2500);
  expect(reading.over).toBe(false);
  expect(notes("began")).toHaveLength(1);
  fleet.workers.find((worker) => worker.pid === pid)?.process.kill("SIGCONT");
  await reading.ended();
  expect(reading.values).toEqual(count(40));
  expect(notes("began")).toHaveLength(1);
});

test("a worker whose graceful time runs out hands its runs to another", async () => {
  await open({ flags: ["--dirty-graceful-timeout", "0.3"] });
  const reading = new Reading(fleet.client.stream(SPEC, "counts", 100, 10));
  await reading.has(10);
  const pid = notes("began")[0]?.pid;
  fleet.workers.find((worker) => worker.pid === pid)?.tell({ type: "stop", graceful: true });
  await reading.ended();
  expect(reading.error).toBeUndefined();
  expect(reading.values).toEqual(count(100));
  expect(notes("began").map((note) => note.pid === pid)).toEqual([true, false]);
});

test("a client that leaves while its run is on the way to another worker stops it", async () => {
  await open({ workers: 1 });
  const left = new AbortController();
  const reading = new Reading(fleet.client.with({ signal: left.signal }).stream(SPEC, "counts", 1000, 10));
  await reading.has(3);
  await killRunning();
  left.abort(new Error("gone"));
  await reading.ended();
  expect(reading.error).toMatchObject({ message: "gone" });
  await fleet.startWorker();
  expect(await fleet.client.execute(SPEC, "pid")).toBe(fleet.workers[1]?.pid);
  expect(notes("began")).toHaveLength(1);
});

test("a run goes on at another worker through a new dirty arbiter", async () => {
  await open();
  const reading = new Reading(fleet.client.stream(SPEC, "counts", 120, 10));
  await reading.has(5);
  await fleet.replaceArbiter();
  await killRunning();
  await reading.ended();
  expect(reading.error).toBeUndefined();
  expect(reading.values).toEqual(count(120));
});
