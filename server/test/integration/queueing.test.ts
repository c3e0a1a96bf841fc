/** Where requests wait, how long, and who is served next. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./harness.ts";
import { JobServer, type Outcome } from "./jobs-app.ts";

/** Begins jobs one after the other, each only when the one before it is running or waits in the queue. */
async function queueUp(
  server: JobServer,
  count: number,
  ms: number,
  first = ms,
): Promise<{ ids: string[]; outcomes: Promise<Outcome>[] }> {
  const ids: string[] = [];
  const outcomes: Promise<Outcome>[] = [];
  for (let index = 0; index < count; index++) {
    const id = server.newId();
    ids.push(id);
    outcomes.push(server.call({ app: "One", action: "job", args: [index === 0 ? first : ms], id }));
    if (index === 0) await server.noted(id, "began");
    // The answers to later calls of the same worker came behind it, so the request has its place.
    for (let later = 0; later < 6; later++) await server.call({ app: "Many", action: "pid" });
  }
  return { ids, outcomes };
}

describe("one worker with a queue for two", () => {
  /** A job that is busy for longer than it takes to queue others up behind it, and for less than they may wait. */
  const BUSY_MS = 1500;
  const QUEUE_TIMEOUT_MS = 2500;
  let server: JobServer;

  beforeAll(async () => {
    server = await JobServer.start(
      ["One", "Many", "Four"],
      ["--dirty-queue-size", "2", "--dirty-queue-timeout", String(QUEUE_TIMEOUT_MS / 1000)],
    );
  });

  afterAll(async () => {
    await server.stop();
  });

  test("a request beyond the queue is refused at once, with a time to come back", async () => {
    const { outcomes } = await queueUp(server, 3, 10, BUSY_MS);
    const refused = await server.call({ app: "One", action: "job", args: [1] });
    expect(refused.error).toMatchObject({ name: "DirtyQueueFullError", code: "DIRTY_QUEUE_FULL" });
    expect(refused.error?.retryAfter).toBeGreaterThanOrEqual(1);
    expect(refused.error?.retryAfter).toBeLessThanOrEqual(30);
    expect(Number.isInteger(refused.error?.retryAfter)).toBe(true);
    for (const outcome of await Promise.all(outcomes)) expect(outcome.error).toBeUndefined();
  });

  test("a request that waits too long is told so, with a time to come back, and never runs", async () => {
    const { ids, outcomes } = await queueUp(server, 2, 10, QUEUE_TIMEOUT_MS + BUSY_MS);
    const late = await outcomes[1];
    expect(late?.error).toMatchObject({ name: "DirtyQueueTimeoutError", code: "DIRTY_QUEUE_TIMEOUT" });
    expect(late?.ms).toBeGreaterThanOrEqual(QUEUE_TIMEOUT_MS - 10);
    expect(late?.error?.retryAfter).toBeGreaterThanOrEqual(1);
    expect(late?.error?.retryAfter).toBeLessThanOrEqual(30);
    expect((await outcomes[0])?.error).toBeUndefined();
    await server.call({ app: "One", action: "add", args: [1, 1] });
    expect(server.notes(ids[1])).toEqual([]);
  });

  test("another app of the same worker is not held up", async () => {
    const { ids, outcomes } = await queueUp(server, 3, 10, BUSY_MS);
    expect(await server.call({ app: "Many", action: "add", args: [1, 1] })).toMatchObject({ result: 2 });
    // It was answered while the others' worker was at the first of theirs.
    expect(ids.flatMap((id) => server.notes(id)).map(({ what }) => what)).toEqual(["began"]);
    await Promise.all(outcomes);
  });

  test("four jobs run at once where the app says 4", async () => {
    const streams = await Promise.all(
      Array.from({ length: 4 }, () => server.stream({ app: "Four", action: "ticks", args: [100_000, 20] })),
    );
    for (const stream of streams) await stream.has(3);
    for (const stream of streams) {
      expect(stream.outcome).toBeUndefined();
      stream.leave();
    }
  });

  test("a fifth one waits for one of the four", async () => {
    const ids = Array.from({ length: 5 }, () => server.newId());
    await Promise.all(ids.map((id) => server.call({ app: "Four", action: "job", args: [200], id })));
    const notes = server.notes().filter(({ id }) => ids.includes(id));
    let running = 0;
    let most = 0;
    for (const { what } of notes) {
      running += what === "began" ? 1 : -1;
      most = Math.max(most, running);
    }
    expect(most).toBe(4);
  });

  test("twenty users at once on an app that serves many: none fails, and each has the whole answer", async () => {
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => server.stream({ app: "Many", action: "ticks", args: [30, 20] })),
    );
    for (const stream of streams) {
      const outcome = await stream.over();
      expect(outcome).toMatchObject({ ended: true });
      expect(stream.chunks).toEqual(Array.from({ length: 30 }, (_, n) => n));
    }
  });
});

describe("one worker and its queue", () => {
  let server: JobServer;

  beforeAll(async () => {
    server = await JobServer.start(["One", "Many"]);
  });

  afterAll(async () => {
    await server.stop();
  });

  test("is served in the order in which the requests came", async () => {
    const { ids, outcomes } = await queueUp(server, 6, 60);
    await Promise.all(outcomes);
    const order = server.notes().filter(({ what, id }) => what === "began" && ids.includes(id));
    expect(order.map(({ id }) => id)).toEqual(ids);
  });

  test("that is killed with four jobs queued behind one: the one fails at once, and the four are answered", async () => {
    const { ids, outcomes } = await queueUp(server, 5, 50, 20_000);
    const { pid } = await server.noted(ids[0] ?? "", "began");
    process.kill(pid, "SIGKILL");
    const first = await outcomes[0];
    expect(first?.error).toMatchObject({ name: "DirtyWorkerError", code: "DIRTY_WORKER" });
    // The four are served by the replacement, one after the other.
    for (const [index, outcome] of (await Promise.all(outcomes)).entries()) {
      if (index > 0) expect(outcome.result).toBe(ids[index]);
    }
    expect(server.notes(ids[4])[0]?.pid).not.toBe(pid);
  });
});

describe("two workers", () => {
  let server: JobServer;

  beforeAll(async () => {
    server = await JobServer.start(["One", "Many"], ["--dirty-workers", "2"]);
  });

  afterAll(async () => {
    await server.stop();
  });

  test("a trivial call does not wait behind a long one while the other worker is idle", async () => {
    const busy = await server.stream({ app: "One", action: "ticks", args: [100_000, 20] });
    await busy.has(1);
    for (let count = 0; count < 20; count++) {
      expect(await server.call({ app: "One", action: "add", args: [1, 1] })).toMatchObject({ result: 2 });
    }
    expect(busy.http.endedAt).toBeUndefined();
    busy.leave();
  });

  test("share what comes at once", async () => {
    const ids = Array.from({ length: 8 }, () => server.newId());
    await Promise.all(ids.map((id) => server.call({ app: "Many", action: "job", args: [1000], id })));
    const pids = ids.map((id) => server.notes(id)[0]?.pid);
    expect(new Set(pids).size).toBe(2);
    expect(pids.filter((pid) => pid === pids[0])).toHaveLength(4);
  });

  test("one of them killed: nobody waits while the other has room, and both serve again", async () => {
    const [pid = 0] = server.running.pids("dirty worker");
    process.kill(pid, "SIGKILL");
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => server.call({ app: "Many", action: "pid" })),
    );
    for (const { error } of outcomes) expect(error).toBeUndefined();
    await eventually("both workers serve", async () => {
      const pids = await Promise.all(
        Array.from({ length: 6 }, async () => (await server.call({ app: "Many", action: "pid" })).result),
      );
      return new Set(pids).size === 2;
    });
  });
});
