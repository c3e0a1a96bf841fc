/** A run has a limit of time. Past it, its caller is told, and a worker whose run does not end is replaced. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, isAlive } from "./harness.ts";
import { JobServer } from "./jobs-app.ts";

/** Seconds: the most that a run may take, and what it gets to settle after its abort. */
const TIMEOUT = 2;
const GRACE = 0.5;
/** ms after a run's deadline and grace within which its worker is gone. */
const REPLACED_MS = 1500;

let server: JobServer;

/** Gives the tests of a group a server of their own: each of them has workers killed. */
function withServer(): void {
  beforeAll(async () => {
    server = await JobServer.start(
      ["Many", "One"],
      ["--dirty-timeout", String(TIMEOUT), "--dirty-abort-grace", String(GRACE)],
    );
  });
  afterAll(async () => {
    await server.stop();
  });
}

/** The dirty worker's process. */
async function worker(): Promise<number> {
  const { result } = await eventually("a dirty worker answers", async () => {
    const outcome = await server.call({ app: "Many", action: "pid", timeout: 1 });
    return outcome.error === undefined ? outcome : undefined;
  });
  return Number(result);
}

/** Waits until a worker was replaced. @returns ms that it took. */
async function replaced(pid: number): Promise<number> {
  const began = Date.now();
  await eventually(`dirty worker ${pid} is gone`, () => !isAlive(pid));
  const took = Date.now() - began;
  expect(await worker()).not.toBe(pid);
  return took;
}

/** For some time nothing changes. */
async function stays(ms: number, holds: () => boolean): Promise<void> {
  const until = Date.now() + ms;
  await eventually("the time has passed", () => {
    expect(holds()).toBe(true);
    return Date.now() >= until;
  });
}

describe("a run that hangs", () => {
  withServer();

  test("ends at its deadline with a timeout error, and keeps its worker when it settles", async () => {
    const pid = await worker();
    const id = server.newId();
    const outcome = await server.call({ app: "Many", action: "work", args: [60_000], timeout: 0.5, id });
    expect(outcome.error).toMatchObject({ name: "DirtyTimeoutError", code: "DIRTY_TIMEOUT" });
    expect(outcome.error?.message).toContain(" took longer than 0.5 s");
    expect(outcome.ms).toBeGreaterThanOrEqual(495);
    expect((await server.noted(id, "settled")).aborted).toBe(true);
    await stays(GRACE * 1000 + REPLACED_MS, () => isAlive(pid));
    expect(await worker()).toBe(pid);
  });

  test("ends at dirtyTimeout, whatever longer time its caller asked for", async () => {
    const outcome = await server.call({ app: "Many", action: "work", args: [60_000], timeout: 99 });
    expect(outcome.error?.code).toBe("DIRTY_TIMEOUT");
    expect(outcome.error?.message).toContain(` took longer than ${TIMEOUT} s`);
    expect(outcome.ms).toBeGreaterThanOrEqual(TIMEOUT * 1000 - 5);
  });

  test("in mid-stream ends the stream with the error, never in silence", async () => {
    const stream = await server.stream({ app: "Many", action: "ticks", args: [10_000, 20], timeout: 0.5 });
    expect((await stream.over()).error?.code).toBe("DIRTY_TIMEOUT");
    expect(stream.chunks.length).toBeGreaterThan(5);
  });

  test("and never settles has its worker replaced, whose other runs fail at once", async () => {
    const pid = await worker();
    const began = Date.now();
    const other = await server.stream({ app: "Many", action: "ticks", args: [10_000, 20] });
    const outcome = await server.call({ app: "Many", action: "deaf", timeout: 0.3 });
    expect(outcome.error?.code).toBe("DIRTY_TIMEOUT");
    expect(outcome.error?.message).toContain(" took longer than 0.3 s");
    await replaced(pid);
    const lost = await other.over();
    expect(lost.error).toMatchObject({ name: "DirtyWorkerError", code: "DIRTY_WORKER" });
    expect(lost.endedAt - began).toBeGreaterThan(300 + GRACE * 1000);
    expect(other.chunks.length).toBeGreaterThan(5);
  });
});

describe("a worker that cannot tell", () => {
  withServer();

  test("since its app spins in a loop: callers have their error at their deadline, and it is replaced", async () => {
    const pid = await worker();
    const [spins, waits] = await Promise.all([
      server.call({ app: "Many", action: "spin", args: [60_000], timeout: 0.5 }),
      server.call({ app: "Many", action: "add", args: [1, 1], timeout: 0.7 }),
    ]);
    expect(spins.error?.code).toBe("DIRTY_TIMEOUT");
    expect(spins.error?.message).toContain(" took longer than 0.5 s");
    expect(spins.ms).toBeGreaterThanOrEqual(495);
    // It was served before the loop began, or shares its worker's fate at its own deadline.
    if (waits.error !== undefined) expect(waits.error.code).toMatch(/^DIRTY_(WORKER|TIMEOUT)$/);
    await replaced(pid);
  });

  test("since it is stopped: callers have their error at their deadline, and it is replaced", async () => {
    const pid = await worker();
    const id = server.newId();
    const working = server.call({ app: "Many", action: "work", args: [60_000], timeout: 1, id });
    const other = await server.stream({ app: "Many", action: "ticks", args: [10_000, 20] });
    await server.noted(id, "began");
    process.kill(pid, "SIGSTOP");
    const outcome = await working;
    expect(outcome.error?.code).toBe("DIRTY_TIMEOUT");
    expect(outcome.error?.message).toContain(" took longer than 1 s");
    expect(outcome.ms).toBeGreaterThanOrEqual(995);
    await replaced(pid);
    // Its deadline may come before its worker's end; it is told by the one that is first.
    expect((await other.over()).error?.code).toMatch(/^DIRTY_(WORKER|TIMEOUT)$/);
  });
});

describe("a worker that is silent", () => {
  withServer();

  test("gets nothing new once it was silent for a second, and what waits is served by the next", async () => {
    const pid = await worker();
    const working = server.call({ app: "Many", action: "work", args: [60_000], timeout: 1.6 });
    process.kill(pid, "SIGSTOP");
    const stoppedAt = Date.now();
    await eventually("it was silent for a second", () => Date.now() - stoppedAt > 1400);
    const late = await server.call({ app: "Many", action: "pid" });
    expect(late.error).toBeUndefined();
    expect(late.result).not.toBe(pid);
    expect((await working).error?.code).toBe("DIRTY_TIMEOUT");
  });
});

describe("after timeouts", () => {
  withServer();

  test("each answer goes to the request that asked for it", async () => {
    const calls = Array.from({ length: 30 }, (_, n) =>
      n % 3 === 0
        ? server.call({ app: "Many", action: "work", args: [60_000], timeout: 0.2 + (n % 7) / 20 })
        : server.call({ app: "Many", action: "echo", args: [n] }),
    );
    for (const [n, outcome] of (await Promise.all(calls)).entries()) {
      if (n % 3 === 0) expect(outcome.error?.code).toBe("DIRTY_TIMEOUT");
      else expect(outcome.result).toEqual([n]);
    }
    for (let n = 0; n < 20; n++) {
      expect(await server.call({ app: "One", action: "echo", args: [n] })).toMatchObject({ result: [n] });
    }
  });

  test("the time in the queue is not the run's: each has its own whole time", async () => {
    const outcomes = await Promise.all(
      [0, 1, 2].map(() => server.call({ app: "One", action: "work", args: [600], timeout: 1.5 })),
    );
    expect(outcomes.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    expect(Math.max(...outcomes.map(({ ms }) => ms))).toBeGreaterThan(1700);
  });
});

describe("a long stream", () => {
  test("within dirtyTimeout is not cut by any other limit, however short", async () => {
    const short = [
      "--timeout",
      "--graceful-timeout",
      "--keepalive",
      "--headers-timeout",
      "--request-timeout",
      "--dirty-graceful-timeout",
      "--dirty-queue-timeout",
      "--dirty-abort-grace",
    ].flatMap((flag) => [flag, "1"]);
    const patient = await JobServer.start(["Many"], ["--dirty-timeout", "20", ...short]);
    try {
      const [talking, thinking] = await Promise.all([
        patient.stream({ app: "Many", action: "ticks", args: [40, 100] }),
        patient.call({ app: "Many", action: "thinks", args: [3500], kind: "stream" }),
      ]);
      expect(await talking.over()).toMatchObject({ ended: true });
      expect(talking.chunks).toEqual(Array.from({ length: 40 }, (_, n) => n));
      expect(thinking).toMatchObject({ ended: true });
      expect(thinking.ms).toBeGreaterThanOrEqual(3490);
    } finally {
      await patient.stop();
    }
  });
});

describe("requests that hang their worker, one after the other", () => {
  withServer();

  test("do not shut the others out", async () => {
    for (let round = 0; round < 4; round++) {
      const pid = await worker();
      const { error } = await server.call({ app: "Many", action: "deaf", timeout: 0.1 });
      expect(error?.code).toBe("DIRTY_TIMEOUT");
      await replaced(pid);
    }
    // A worker that was killed for its request does not count as one that cannot start: no pause grows.
    expect(server.running.log()).not.toMatch(/the next starts in/);
  });
});
