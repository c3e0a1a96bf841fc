/** The rules of slots between real processes, with a peer that keeps none of its promises. */
import { afterEach, describe, expect, test } from "vitest";
import { MSG } from "../../src/protocol/messages.ts";
import { epochOf, slotId } from "../../src/protocol/slot.ts";
import { Listener } from "../dirty/stand-in.ts";
import { until } from "../dirty/wire-peer.ts";
import { Fleet, type FleetOptions, place, run } from "./fleet.ts";
import { eventually, isAlive } from "./harness.ts";

const APP = `
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";

export class App extends DirtyApp {
  static concurrency = Number(process.env.CONCURRENCY ?? 1);
  pid() { return process.pid; }
  add(a, b) { return a + b; }
  async hold() { await new Promise((resolve) => this.request.signal.addEventListener("abort", resolve)); }
  async *ticks(n, ms) { for (let i = 0; i < n; i++) { yield i; await sleep(ms, undefined, { signal: this.request.signal }); } }
  async *tellsThenDies(n) { for (let i = 0; i < n; i++) { yield i; if (i % 10 === 0) await sleep(0); } await sleep(0); process.kill(process.pid, "SIGKILL"); await sleep(5000); }
  dies() { process.kill(process.pid, "SIGKILL"); for (;;); }
  spin(ms) { const until = Date.now() + ms; while (Date.now() < until); }
}
`;

const SPEC = "./app.mjs:App";

let fleet: Fleet;

async function open({
  concurrency = 1,
  ...options
}: Partial<FleetOptions> & { concurrency?: number } = {}): Promise<void> {
  fleet = await Fleet.open({ app: APP, env: { CONCURRENCY: String(concurrency) }, ...options });
}

afterEach(async () => {
  await fleet.close();
});

/** Awaits a call at once, and keeps its failure as a value. */
async function outcome(call: PromiseLike<unknown>): Promise<{ value?: unknown; code?: string }> {
  try {
    return { value: await call };
  } catch (error) {
    return { code: (error as { code: string }).code };
  }
}

/** Collects a stream. @returns its chunks and the code of the error that ended it. */
async function collect(stream: AsyncIterable<unknown>): Promise<{ values: unknown[]; code?: string }> {
  const values: unknown[] = [];
  try {
    for await (const value of stream) values.push(value);
    return { values };
  } catch (error) {
    return { values, code: (error as { code: string }).code };
  }
}

test("a client that loses the dirty arbiter and lives is told at once that its run was ended", async () => {
  await open();
  const asking = await fleet.friend(fleet.path);
  const running = await fleet.friend(fleet.socketOf(fleet.workers[0]));
  place(asking, 1);
  const { slot } = (await asking.next(MSG.PLACED)).dict;
  run(running, 1, Number(slot), "ticks", [100_000, 5]);
  await running.next(MSG.CHUNK);
  asking.destroy();
  const { dict } = await running.next(MSG.ERROR);
  expect(dict).toMatchObject({ error: { error_type: "DirtyWorkerError" } });
  // Its slot is free again.
  expect(await outcome(fleet.client.execute(SPEC, "add", 1, 2))).toEqual({ value: 3 });
});

describe("a worker answers NACK", () => {
  test("to a slot beyond its concurrency that was not granted, and its own run goes on", async () => {
    await open();
    const values: unknown[] = [];
    const stream = (async () => {
      for await (const value of fleet.client.stream(SPEC, "ticks", 120, 10)) values.push(value);
    })();
    await until(
      () => "the only place is taken",
      () => values.length > 0,
    );
    const cheat = await fleet.friend(fleet.socketOf(fleet.workers[0]));
    run(cheat, 1, slotId(fleet.arbiter.id, 1_000_000), "add", [1, 1]);
    await cheat.next(MSG.NACK);
    expect(values.length).toBeLessThan(120);
    await stream;
    expect(values).toEqual(Array.from({ length: 120 }, (_, n) => n));
  });

  test("to a slot that was not used for 2 s, which goes to the next in the queue meanwhile", async () => {
    await open();
    const sleepy = await fleet.friend(fleet.path);
    place(sleepy, 1);
    const { dict, at } = await sleepy.next(MSG.PLACED);
    const next = outcome(fleet.client.execute(SPEC, "add", 1, 2));
    expect(await next).toEqual({ value: 3 });
    expect(Date.now() - at).toBeGreaterThanOrEqual(1990);
    const worker = await fleet.friend(String(dict["socket"]));
    run(worker, 1, Number(dict["slot"]), "add", [1, 2]);
    await worker.next(MSG.NACK);
    expect(worker.all(MSG.STARTED)).toEqual([]);
  });

  test("to a slot of a dirty arbiter that was replaced", async () => {
    await open({ concurrency: 5 });
    const old = await fleet.friend(fleet.path);
    place(old, 1);
    const { dict } = await old.next(MSG.PLACED);
    const before = fleet.arbiter.id;
    await fleet.replaceArbiter();
    // Served through the new one, so the worker is registered there; what the client saw last may be of the old one.
    expect(await fleet.client.execute(SPEC, "add", 1, 1)).toBe(2);
    expect(epochOf(Number(dict["slot"]))).toBe(before);
    const worker = await fleet.friend(String(dict["socket"]));
    run(worker, 1, Number(dict["slot"]), "add", [1, 2]);
    await worker.next(MSG.NACK);
  });
});

describe("a client whose slot is refused", () => {
  test("asks again, and is served by another worker", async () => {
    await open({ workers: 0 });
    const listener = await new Listener(`${fleet.folder}/fake`).open();
    const fake = await fleet.fakeWorker(listener.path);
    try {
      await fleet.sees(1);
      const result = outcome(fleet.client.execute(SPEC, "add", 20, 3));
      const client = await listener.peer();
      const { id, dict } = await client.next(MSG.RUN);
      await fleet.startWorker();
      client.send([MSG.NACK, id]);
      expect(await result).toEqual({ value: 23 });
      fake.peer.send([MSG.FREE, 0, { slot: dict["slot"] }]);
      expect(client.all(MSG.RUN)).toHaveLength(1);
    } finally {
      fake.stop();
      listener.close();
    }
  });
});

describe("a request that kills workers", () => {
  test("before they have begun it is given to three of them, and no fourth", async () => {
    await open({ workers: 0 });
    const listeners = await Promise.all(
      [1, 2, 3, 4].map((n) => new Listener(`${fleet.folder}/fake${n}`).open()),
    );
    const fakes = await Promise.all(listeners.map(({ path }) => fleet.fakeWorker(path)));
    try {
      await fleet.sees(4);
      for (const [index, listener] of listeners.entries()) {
        const die = async () => {
          const peer = await listener.peer();
          await peer.next(MSG.RUN);
          peer.destroy();
          fakes[index]?.stop();
        };
        // The fourth one is never asked, and waits in vain.
        die().catch(() => {});
      }
      expect(await outcome(fleet.client.execute(SPEC, "poison"))).toEqual({ code: "DIRTY_WORKER" });
      expect(listeners.flatMap(({ peers }) => peers)).toHaveLength(3);
      await fleet.sees(1);
    } finally {
      for (const fake of fakes) fake.stop();
      for (const listener of listeners) listener.close();
    }
  });

  test("once they have begun it is given to one: STARTED leaves before the action is called", async () => {
    await open({ workers: 2 });
    expect(await outcome(fleet.client.execute(SPEC, "dies"))).toEqual({ code: "DIRTY_WORKER" });
    await eventually("one worker is dead", () => fleet.workers.some(({ pid }) => !isAlive(pid)));
    expect(fleet.workers.filter(({ pid }) => isAlive(pid))).toHaveLength(1);
    expect(await outcome(fleet.client.execute(SPEC, "add", 1, 1))).toEqual({ value: 2 });
  });

  test("has all that it sent before read first", async () => {
    await open();
    const stream = collect(fleet.client.stream(SPEC, "tellsThenDies", 500));
    expect(await stream).toEqual({ values: Array.from({ length: 500 }, (_, n) => n), code: "DIRTY_WORKER" });
  });
});

describe("a client that is gone", () => {
  test("has its runs cancelled through the dirty arbiter too, and its place goes to the next", async () => {
    await open();
    const client = await fleet.friend(fleet.path);
    place(client, 1);
    const { dict } = await client.next(MSG.PLACED);
    const worker = await fleet.friend(String(dict["socket"]));
    run(worker, 1, Number(dict["slot"]), "hold");
    await worker.next(MSG.STARTED);
    const next = outcome(fleet.client.execute(SPEC, "add", 1, 1));
    // Only its connection to the dirty arbiter ends; the one to the worker stays.
    client.destroy();
    expect(await next).toEqual({ value: 2 });
    expect(worker.closed).toBe(false);
  });
});

describe("late words", () => {
  test("CANCEL and CREDIT for runs that are over do no harm", async () => {
    await open({ concurrency: 5 });
    const client = await fleet.friend(fleet.path);
    place(client, 1);
    const { dict } = await client.next(MSG.PLACED);
    const worker = await fleet.friend(String(dict["socket"]));
    run(worker, 1, Number(dict["slot"]), "add", [1, 1]);
    await worker.next(MSG.RESPONSE);
    worker.send(
      [MSG.CANCEL, 1],
      [MSG.CREDIT, 1, { bytes: 5 }],
      [MSG.CANCEL, 77],
      [MSG.CREDIT, 77, { bytes: 5 }],
    );
    client.send([MSG.CANCEL, 1], [MSG.CANCEL, 99]);
    place(client, 2);
    const second = await client.next(MSG.PLACED);
    run(worker, 2, Number(second.dict["slot"]), "add", [2, 2]);
    expect((await worker.next(MSG.RESPONSE)).dict).toEqual({ result: 4 });
  });
});

describe("a worker past a run's time", () => {
  test("is named to the arbiter, which alone kills", async () => {
    await open({ flags: ["--dirty-timeout", "0.5", "--dirty-abort-grace", "0.2"] });
    const [worker] = fleet.workers;
    expect(await outcome(fleet.client.execute(SPEC, "spin", 60_000))).toEqual({ code: "DIRTY_TIMEOUT" });
    const kill = await fleet.arbiter.says("kill");
    expect(kill).toMatchObject({ type: "kill", worker: worker?.id });
    expect(isAlive(worker?.pid ?? 0)).toBe(true);
  });
});

describe("a silent worker", () => {
  test("gets no slots, loses none, and is given some again when it is heard", async () => {
    await open({ workers: 2, concurrency: 10 });
    const stopped = fleet.workers[0];
    const streams = Array.from({ length: 4 }, () => collect(fleet.client.stream(SPEC, "ticks", 60, 20)));
    const pids = async () =>
      new Set(
        (await Promise.all(Array.from({ length: 6 }, () => outcome(fleet.client.execute(SPEC, "pid"))))).map(
          ({ value }) => value,
        ),
      );
    expect(await pids()).toEqual(new Set(fleet.workers.map(({ pid }) => pid)));
    stopped?.process.kill("SIGSTOP");
    const stoppedAt = Date.now();
    await eventually("it was silent for a second", () => Date.now() - stoppedAt > 1300);
    expect(await pids()).toEqual(new Set([fleet.workers[1]?.pid]));
    stopped?.process.kill("SIGCONT");
    await eventually("it is given slots again", async () => (await pids()).size === 2);
    for (const stream of await Promise.all(streams)) {
      expect(stream).toEqual({ values: Array.from({ length: 60 }, (_, n) => n) });
    }
    expect(fleet.arbiter.said.filter(({ type }) => type === "kill")).toEqual([]);
  });
});

describe("a dirty arbiter that was stopped for a while", () => {
  test("kills no worker for a run that ended meanwhile, and drops no slot", async () => {
    await open({ concurrency: 2, flags: ["--dirty-timeout", "1", "--dirty-abort-grace", "0.1"] });
    const stream = collect(fleet.client.stream(SPEC, "ticks", 15, 20));
    const held = await fleet.friend(fleet.path);
    place(held, 1);
    await held.next(MSG.PLACED);
    fleet.arbiter.process.kill("SIGSTOP");
    const stoppedAt = Date.now();
    expect(await stream).toEqual({ values: Array.from({ length: 15 }, (_, n) => n) });
    // Longer than the run's time, its grace and the margin on top of them.
    await eventually("its time is long over", () => Date.now() - stoppedAt > 2400);
    fleet.arbiter.process.kill("SIGCONT");
    held.send([MSG.CANCEL, 1]);
    expect(await outcome(fleet.client.execute(SPEC, "add", 1, 1))).toEqual({ value: 2 });
    expect(fleet.arbiter.said.filter(({ type }) => type === "kill")).toEqual([]);
  });
});

describe("a dirty arbiter that dies", () => {
  test("leaves running streams as they are, and what waits is asked for again in order", async () => {
    await open();
    const stream = collect(fleet.client.stream(SPEC, "ticks", 100, 15));
    const order: number[] = [];
    const waiting = [1, 2, 3].map((n) =>
      outcome(fleet.client.execute(SPEC, "add", n, 0)).then((one) => {
        order.push(n);
        return one;
      }),
    );
    await fleet.replaceArbiter();
    expect(await stream).toEqual({ values: Array.from({ length: 100 }, (_, n) => n) });
    expect(await Promise.all(waiting)).toEqual([{ value: 1 }, { value: 2 }, { value: 3 }]);
    expect(order).toEqual([1, 2, 3]);
  });
});
