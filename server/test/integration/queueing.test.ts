/** Where requests wait, how long, and who is served next. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./harness.ts";
import { JobServer, type JobStream, type Outcome } from "./jobs-app.ts";

type App = "One" | "Four" | "Many";

/** Takes as many places as the app has, until they are left. */
async function takePlaces(server: JobServer, app: App, count = 1): Promise<JobStream[]> {
  const streams = await Promise.all(
    Array.from({ length: count }, () => server.stream({ app, action: "ticks", args: [100_000, 20] })),
  );
  for (const stream of streams) await stream.has(3);
  return streams;
}

/** Calls jobs one after the other, each only when the one before it waits in the queue. */
async function queueUp(
  server: JobServer,
  count: number,
  { app = "One", ms = 10 }: { app?: App; ms?: number } = {},
): Promise<{ ids: string[]; outcomes: Promise<Outcome>[] }> {
  const ids: string[] = [];
  const outcomes: Promise<Outcome>[] = [];
  for (let index = 0; index < count; index++) {
    const id = server.newId();
    ids.push(id);
    outcomes.push(server.call({ app, action: "job", args: [ms], id }));
    // The answers to later calls of the same worker came behind it, so the request has its place.
    for (let later = 0; later < 6; later++) await server.call({ app: "Many", action: "pid" });
  }
  return { ids, outcomes };
}

describe("one worker with a queue for five", () => {
  let server: JobServer;

  beforeAll(async () => {
    server = await JobServer.start(["One", "Many", "Four"], ["--dirty-queue-size", "5"]);
  });

  afterAll(async () => {
    await server.stop();
  });

  test("a request beyond the queue is refused at once, and those in it are served in their order", async () => {
    const [held] = await takePlaces(server, "One");
    const { ids, outcomes } = await queueUp(server, 5);
    const refused = await server.call({ app: "One", action: "job", args: [1] });
    expect(refused.error).toMatchObject({ name: "DirtyQueueFullError", code: "DIRTY_QUEUE_FULL" });
    expect(refused.error?.retryAfter).toBeGreaterThanOrEqual(1);
    expect(refused.error?.retryAfter).toBeLessThanOrEqual(30);
    expect(Number.isInteger(refused.error?.retryAfter)).toBe(true);
    expect(server.notes().filter(({ id }) => ids.includes(id))).toEqual([]);

    held?.leave();
    for (const outcome of await Promise.all(outcomes)) expect(outcome.error).toBeUndefined();
    const order = server.notes().filter(({ what, id }) => what === "began" && ids.includes(id));
    expect(order.map(({ id }) => id)).toEqual(ids);
  });

  test("another app of the same worker is not held up", async () => {
    const [held] = await takePlaces(server, "One");
    const { ids, outcomes } = await queueUp(server, 2);
    expect(await server.call({ app: "Many", action: "add", args: [1, 1] })).toMatchObject({ result: 2 });
    // It was answered while the others waited.
    expect(ids.flatMap((id) => server.notes(id))).toEqual([]);
    held?.leave();
    await Promise.all(outcomes);
  });

  test("four jobs run at once where the app says 4, and a fifth waits for one of them", async () => {
    const streams = await takePlaces(server, "Four", 4);
    const { ids, outcomes } = await queueUp(server, 1, { app: "Four" });
    expect(server.notes(ids[0])).toEqual([]);
    for (const stream of streams) expect(stream.outcome).toBeUndefined();

    streams.pop()?.leave();
    expect((await outcomes[0])?.error).toBeUndefined();
    for (const stream of streams) {
      expect(stream.outcome).toBeUndefined();
      stream.leave();
    }
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

  test("killed with four jobs queued behind one: the one fails at once, and the four are answered", async () => {
    const id = server.newId();
    const first = server.call({ app: "One", action: "job", args: [20_000], id });
    const { pid } = await server.noted(id, "began");
    const { ids, outcomes } = await queueUp(server, 4);
    process.kill(pid, "SIGKILL");
    expect((await first).error).toMatchObject({ name: "DirtyWorkerError", code: "DIRTY_WORKER" });
    // The four are served by the replacement, one after the other.
    for (const [index, outcome] of (await Promise.all(outcomes)).entries())
      expect(outcome.result).toBe(ids[index]);
    expect(server.notes(ids[3])[0]?.pid).not.toBe(pid);
  });
});

describe("one worker whose queue is left after a second", () => {
  let server: JobServer;

  beforeAll(async () => {
    server = await JobServer.start(["One", "Many"], ["--dirty-queue-timeout", "1"]);
  });

  afterAll(async () => {
    await server.stop();
  });

  test("a request that waits too long is told so, with a time to come back, and never runs", async () => {
    const [held] = await takePlaces(server, "One");
    const { ids, outcomes } = await queueUp(server, 1);
    const late = await outcomes[0];
    expect(late?.error).toMatchObject({ name: "DirtyQueueTimeoutError", code: "DIRTY_QUEUE_TIMEOUT" });
    expect(late?.ms).toBeGreaterThanOrEqual(990);
    expect(late?.error?.retryAfter).toBeGreaterThanOrEqual(1);
    expect(late?.error?.retryAfter).toBeLessThanOrEqual(30);
    held?.leave();
    await server.call({ app: "One", action: "add", args: [1, 1] });
    expect(server.notes(ids[0])).toEqual([]);
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
    const held = await Promise.all(
      ids.map((id) => server.stream({ app: "Many", action: "ticks", args: [100_000, 20], id })),
    );
    await Promise.all(held.map((stream) => stream.has(1)));
    const pids = ids.map((id) => server.notes(id)[0]?.pid);
    for (const stream of held) stream.leave();
    expect(new Set(pids).size).toBe(2);
    expect(pids.filter((pid) => pid === pids[0])).toHaveLength(4);
  });

  test("one of them killed: no request waits while the other has room, and both serve again", async () => {
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
