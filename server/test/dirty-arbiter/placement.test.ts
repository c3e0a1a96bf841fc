import { describe, expect, test } from "vitest";
import {
  DirtyAppNotFoundError,
  DirtyDrainingError,
  DirtyNoWorkersAvailableError,
  DirtyQueueFullError,
  DirtyQueueTimeoutError,
  DirtyTimeoutError,
} from "../../src/protocol/errors.ts";
import { epochOf, slotId } from "../../src/protocol/slot.ts";
import { Desk, socketOf } from "./desk.ts";

describe("which worker a request goes to", () => {
  test("the least loaded one", () => {
    const desk = new Desk();
    desk.ready(1, { a: 4 });
    desk.ready(2, { a: 4 });
    const ids = [desk.place(), desk.place(), desk.place(), desk.place()];
    // Both run two; now one of them has ended both.
    const emptied = desk.workers[0] ?? 0;
    for (const [index, id] of ids.entries()) {
      if (desk.workers[index] === emptied) desk.placement.free(emptied, desk.slot(id));
    }
    desk.place();
    desk.place();
    expect(desk.workers.slice(-2)).toEqual([emptied, emptied]);
  });

  test("requests that come together are spread over all workers", () => {
    const desk = new Desk();
    for (const worker of [1, 2, 3]) desk.ready(worker, { a: 10 });
    for (let count = 0; count < 9; count++) desk.place();
    for (const worker of [1, 2, 3]) expect(desk.workers.filter((one) => one === worker)).toHaveLength(3);
  });

  test("a worker is as loaded as its apps are full, not as its runs are many", () => {
    const desk = new Desk();
    desk.ready(1, { a: 100 });
    desk.ready(2, { b: 1, a: 100 });
    desk.place("b");
    // Worker 2 is full by its one run; ten runs of 100 leave worker 1 emptier.
    for (let count = 0; count < 10; count++) desk.place("a");
    expect(desk.workers).toEqual([2, ...Array.from({ length: 10 }, () => 1)]);
  });

  test("a trivial request does not wait while another worker is idle", () => {
    const desk = new Desk();
    desk.ready(1);
    desk.ready(2);
    desk.place();
    desk.place();
    expect(new Set(desk.workers)).toEqual(new Set([1, 2]));
  });

  test("only a worker that runs the app", () => {
    const desk = new Desk();
    desk.ready(1, { a: 5 });
    desk.ready(2, { b: 5 });
    for (let count = 0; count < 3; count++) desk.place("b");
    expect(desk.workers).toEqual([2, 2, 2]);
  });

  test("one client's slot names the worker's socket, and is never used twice", () => {
    const desk = new Desk({ epoch: 12 });
    desk.ready(1, { a: 2 });
    const first = desk.place();
    const second = desk.place();
    desk.placement.free(1, desk.slot(first));
    const third = desk.place();
    expect(new Set([first, second, third].map((id) => desk.slot(id))).size).toBe(3);
    expect(epochOf(desk.slot(third))).toBe(12);
    expect(desk.granted[0]?.placed.socket).toBe(socketOf(1));
  });

  test("a request for an app that is not configured is refused at once", () => {
    const desk = new Desk();
    desk.ready(1);
    desk.place("missing");
    expect(desk.rejected[0]?.error).toBeInstanceOf(DirtyAppNotFoundError);
    expect(desk.rejected[0]?.error.details).toMatchObject({ app_path: "missing" });
  });

  test("a request for an action that no worker's app has is refused at once, also where all places are taken", () => {
    const desk = new Desk();
    const ready = (worker: number, actions?: string[]): void =>
      desk.placement.workerReady(worker, {
        socket: socketOf(worker),
        apps: [{ app: "a", concurrency: 1, continues: [], ...(actions && { actions }) }],
        running: [],
      });
    ready(1, ["run"]);
    desk.place("a");
    desk.place("a", { action: "missing" });
    expect(desk.rejected[0]?.error).toBeInstanceOf(DirtyAppNotFoundError);
    expect(desk.rejected[0]?.error.message).toContain('has no action "missing"');
    // A worker whose app decides with each call may have it.
    ready(2);
    const second = desk.place("a", { action: "missing" });
    expect(desk.order).toContain(second);
  });
});

describe("a full app", () => {
  test("queues, and tells each request how many are before it", () => {
    const desk = new Desk();
    desk.ready(1);
    desk.place();
    const second = desk.place();
    const third = desk.place();
    expect(desk.queued).toEqual([
      { id: second, position: 0 },
      { id: third, position: 1 },
    ]);
  });

  test("serves its queue in the order of arrival", () => {
    const desk = new Desk();
    desk.ready(1);
    const ids = Array.from({ length: 5 }, () => {
      desk.now += 1;
      return desk.place();
    });
    for (const id of ids) desk.placement.free(1, desk.slot(id));
    expect(desk.order).toEqual(ids);
  });

  test("a request that is placed again keeps its place in the queue", () => {
    const desk = new Desk();
    desk.ready(1);
    const running = desk.place();
    const arrival = desk.now;
    desk.now += 10;
    const later = desk.place();
    const again = desk.place("a", { arrival });
    desk.placement.free(1, desk.slot(running));
    desk.placement.free(1, desk.slot(again));
    expect(desk.order).toEqual([running, again, later]);
  });

  test("does not hold up another app of the same worker", () => {
    const desk = new Desk();
    desk.ready(1, { a: 1, b: 1 });
    desk.place("a");
    desk.place("a");
    const other = desk.place("b");
    expect(desk.order).toContain(other);
  });

  test("never gives more slots than the app's concurrency", () => {
    const desk = new Desk();
    desk.ready(1, { a: 3 });
    for (let count = 0; count < 5; count++) desk.place();
    expect(desk.granted).toHaveLength(3);
    desk.placement.free(1, desk.granted[0]?.placed.slot ?? 0);
    expect(desk.granted).toHaveLength(4);
  });

  test("a FREE that comes twice, or for a slot of another worker, frees nothing more", () => {
    const desk = new Desk();
    desk.ready(1);
    desk.ready(2, { b: 1 });
    const first = desk.place();
    for (let count = 0; count < 3; count++) desk.place();
    desk.placement.free(2, desk.slot(first));
    expect(desk.granted).toHaveLength(1);
    desk.placement.free(1, desk.slot(first));
    desk.placement.free(1, desk.slot(first));
    expect(desk.granted).toHaveLength(2);
  });

  test("takes no more than its queue may hold, and says when to come back", () => {
    const desk = new Desk({ queueSize: 2 });
    desk.ready(1);
    desk.place();
    desk.place();
    desk.place();
    const refused = desk.place();
    expect(desk.rejected.map(({ id }) => id)).toEqual([refused]);
    const { error } = desk.rejected[0] ?? {};
    expect(error).toBeInstanceOf(DirtyQueueFullError);
    expect(error?.retryAfter).toBeGreaterThanOrEqual(1);
    expect(error?.retryAfter).toBeLessThanOrEqual(30);
  });

  test("takes a request that was let in before, though its queue is full of later ones", () => {
    const desk = new Desk({ queueSize: 1 });
    desk.ready(1);
    const arrival = desk.now - 1000;
    const running = desk.place();
    const late = desk.place();
    const known = desk.place("a", { arrival, again: true });
    expect(desk.rejected).toEqual([]);
    desk.placement.free(1, desk.slot(running));
    desk.placement.free(1, desk.slot(known));
    expect(desk.order).toEqual([running, known, late]);
  });

  test("with a queue of 0 refuses whatever cannot run at once", () => {
    const desk = new Desk({ queueSize: 0 });
    desk.ready(1);
    desk.place();
    desk.place();
    expect(desk.granted).toHaveLength(1);
    expect(desk.rejected[0]?.error).toBeInstanceOf(DirtyQueueFullError);
  });

  test("lets no request wait longer than the queue's timeout", () => {
    const desk = new Desk({ queueTimeoutMs: 5000 });
    desk.ready(1);
    desk.place();
    const early = desk.place();
    desk.wait(3000, 1);
    const late = desk.place();
    desk.wait(1900, 1);
    expect(desk.rejected).toEqual([]);
    desk.wait(200, 1);
    expect(desk.rejected.map(({ id }) => id)).toEqual([early]);
    expect(desk.rejected[0]?.error).toBeInstanceOf(DirtyQueueTimeoutError);
    expect(desk.rejected[0]?.error.retryAfter).toBeGreaterThanOrEqual(1);
    desk.wait(3000, 1);
    expect(desk.rejected.map(({ id }) => id)).toEqual([early, late]);
  });

  test("lets what goes on from another run wait for as long as that may take", () => {
    const desk = new Desk({ queueTimeoutMs: 5000 });
    desk.ready(1);
    desk.place();
    const late = desk.place("a", { until: desk.now + 9000 });
    desk.wait(8900, 1);
    expect(desk.rejected).toEqual([]);
    desk.wait(200, 1);
    expect(desk.rejected.map(({ id }) => id)).toEqual([late]);
    expect(desk.rejected[0]?.error).toBeInstanceOf(DirtyTimeoutError);
  });

  test("a request that left the queue is never run and makes room for the next", () => {
    const desk = new Desk({ queueSize: 1 });
    desk.ready(1);
    const owner = {};
    const running = desk.place();
    const gone = desk.place("a", { owner });
    desk.placement.cancel(owner, gone);
    const next = desk.place();
    desk.placement.free(1, desk.slot(running));
    expect(desk.order).toEqual([running, next]);
    expect(desk.rejected).toEqual([]);
  });

  test("a request can only be cancelled by the client that made it", () => {
    const desk = new Desk();
    desk.ready(1);
    const running = desk.place();
    const waiting = desk.place();
    desk.placement.cancel({}, waiting);
    desk.placement.cancel({}, running);
    expect(desk.revoked).toEqual([]);
    desk.placement.free(1, desk.slot(running));
    expect(desk.order).toEqual([running, waiting]);
  });
});

describe("a slot", () => {
  test("that was not used for 2 s is taken back, and given to the next once the worker says FREE", () => {
    const desk = new Desk();
    desk.ready(1);
    const idle = desk.place();
    const next = desk.place();
    desk.wait(2000, 1);
    expect(desk.revoked).toEqual([]);
    desk.wait(200, 1);
    expect(desk.revoked).toEqual([{ worker: 1, slot: desk.slot(idle), cancel: false }]);
    expect(desk.order).toEqual([idle]);
    desk.placement.free(1, desk.slot(idle));
    expect(desk.order).toEqual([idle, next]);
  });

  test("that is used is not taken back", () => {
    const desk = new Desk();
    desk.ready(1);
    const used = desk.place();
    desk.placement.heartbeat(1, [desk.slot(used)]);
    desk.wait(60_000, 1);
    expect(desk.revoked).toEqual([]);
  });

  test("is revoked once, not at each tick", () => {
    const desk = new Desk();
    desk.ready(1);
    desk.place();
    desk.wait(10_000, 1);
    expect(desk.revoked).toHaveLength(1);
  });

  test("that its client gave up before it was used is revoked at once", () => {
    const desk = new Desk();
    desk.ready(1);
    const owner = {};
    const id = desk.place("a", { owner });
    desk.placement.cancel(owner, id);
    expect(desk.revoked).toEqual([{ worker: 1, slot: desk.slot(id), cancel: false }]);
  });

  test("of a client that is gone is revoked with a cancel, and its waiting requests are dropped", () => {
    const desk = new Desk();
    desk.ready(1);
    const owner = {};
    const used = desk.place("a", { owner });
    desk.placement.heartbeat(1, [desk.slot(used)]);
    desk.place("a", { owner });
    const other = desk.place();
    desk.placement.ownerGone(owner);
    expect(desk.revoked).toEqual([{ worker: 1, slot: desk.slot(used), cancel: true }]);
    // Its run has to end first: a slot is never given away before.
    expect(desk.order).toEqual([used]);
    desk.placement.free(1, desk.slot(used));
    expect(desk.order).toEqual([used, other]);
  });

  test("of a worker that died is gone with it", () => {
    const desk = new Desk();
    desk.ready(1, { a: 2 });
    desk.place();
    desk.place();
    desk.placement.workerGone(1);
    expect(desk.placement.idle).toBe(true);
    desk.ready(2, { a: 2 });
    desk.place();
    desk.place();
    expect(desk.workers).toEqual([1, 1, 2, 2]);
  });
});

test("a client that leaves after its worker died has nothing left to be revoked", () => {
  const desk = new Desk();
  desk.ready(1);
  const owner = {};
  desk.place("a", { owner });
  desk.placement.workerGone(1);
  desk.placement.ownerGone(owner);
  expect(desk.revoked).toEqual([]);
});

describe("a worker that dies with requests queued behind it", () => {
  test("leaves them waiting for its replacement, which serves all of them", () => {
    const desk = new Desk();
    desk.ready(1);
    const running = desk.place();
    const waiting = [desk.place(), desk.place(), desk.place()];
    desk.placement.workerGone(1);
    expect(desk.order).toEqual([running]);
    desk.ready(2, { a: 3 });
    expect(desk.order).toEqual([running, ...waiting]);
    expect(desk.rejected).toEqual([]);
  });
});

describe("a run past its time", () => {
  test("has its worker killed after the grace, once", () => {
    const desk = new Desk({ abortGraceMs: 2000 });
    desk.ready(1);
    const id = desk.place("a", { timeout: 5000 });
    desk.placement.heartbeat(1, [desk.slot(id)]);
    desk.wait(7000, 1);
    expect(desk.killed).toEqual([]);
    desk.wait(1000, 1);
    expect(desk.killed).toEqual([1]);
    desk.wait(10_000, 1);
    expect(desk.killed).toEqual([1]);
  });

  test("has its worker killed also when it never said that the run began", () => {
    const desk = new Desk();
    desk.ready(1);
    desk.place("a", { timeout: 5000 });
    desk.wait(8000);
    expect(desk.killed).toEqual([1]);
  });

  test("counts from when the run began, not from when it was granted", () => {
    const desk = new Desk();
    desk.ready(1);
    const id = desk.place("a", { timeout: 5000 });
    desk.wait(1900, 1);
    desk.placement.heartbeat(1, [desk.slot(id)]);
    desk.wait(7300, 1);
    expect(desk.killed).toEqual([]);
  });

  test("that ended within its grace kills no worker", () => {
    const desk = new Desk();
    desk.ready(1);
    const id = desk.place("a", { timeout: 5000 });
    desk.placement.heartbeat(1, [desk.slot(id)]);
    desk.wait(6900, 1);
    desk.placement.free(1, desk.slot(id));
    desk.wait(10_000, 1);
    expect(desk.killed).toEqual([]);
  });

  test("a worker about to be killed gets nothing new", () => {
    const desk = new Desk();
    desk.ready(1, { a: 5 });
    const id = desk.place("a", { timeout: 1000 });
    desk.placement.heartbeat(1, [desk.slot(id)]);
    desk.wait(4000, 1);
    expect(desk.killed).toEqual([1]);
    desk.place();
    expect(desk.granted).toHaveLength(1);
    expect(desk.placement.states()).toContainEqual({ app: "a", workers: 0 });
  });
});

describe("a silent worker", () => {
  test("gets no new slots after 1 s, and nothing else happens to it", () => {
    const desk = new Desk();
    desk.ready(1, { a: 5 });
    desk.wait(1100);
    desk.place();
    expect(desk.granted).toEqual([]);
    expect(desk.killed).toEqual([]);
    expect(desk.placement.states()).toContainEqual({ app: "a", workers: 1 });
  });

  test("gets what waits as soon as it is heard again", () => {
    const desk = new Desk();
    desk.ready(1, { a: 5 });
    desk.wait(1100);
    const ids = [desk.place(), desk.place()];
    desk.placement.heartbeat(1, []);
    expect(desk.order).toEqual(ids);
  });

  test("is passed over for another", () => {
    const desk = new Desk();
    desk.ready(1, { a: 5 });
    desk.ready(2, { a: 5 });
    desk.wait(1100, 2);
    desk.place();
    desk.place();
    expect(desk.workers).toEqual([2, 2]);
  });
});

describe("a worker that lost its connection", () => {
  test("gets nothing new, and its slots stay leased", () => {
    const desk = new Desk();
    desk.ready(1, { a: 2 });
    const id = desk.place();
    desk.placement.workerDisconnected(1);
    desk.place();
    expect(desk.granted).toHaveLength(1);
    desk.ready(1, { a: 2 }, [{ slot: desk.slot(id), app: "a", ms_left: 1000 }]);
    desk.place();
    // The first still runs: one place was free, not two.
    expect(desk.granted).toHaveLength(2);
  });

  test("frees with its READY what ended meanwhile", () => {
    const desk = new Desk();
    desk.ready(1);
    const id = desk.place();
    desk.placement.heartbeat(1, [desk.slot(id)]);
    desk.placement.workerDisconnected(1);
    const next = desk.place();
    desk.ready(1, { a: 1 }, []);
    expect(desk.order).toEqual([id, next]);
  });

  test("is told again of a slot that was revoked meanwhile", () => {
    const desk = new Desk();
    desk.ready(1);
    const owner = {};
    const id = desk.place("a", { owner });
    desk.placement.workerDisconnected(1);
    desk.placement.ownerGone(owner);
    const told = desk.revoked.length;
    desk.ready(1, { a: 1 }, []);
    expect(desk.revoked.slice(told)).toEqual([{ worker: 1, slot: desk.slot(id), cancel: true }]);
  });

  test("has an unused slot revoked, once it is back", () => {
    const desk = new Desk();
    desk.ready(1);
    const id = desk.place();
    desk.placement.workerDisconnected(1);
    desk.wait(5000);
    const told = desk.revoked.length;
    desk.ready(1, { a: 1 }, []);
    desk.wait(200, 1);
    expect(desk.revoked.slice(told)).toEqual([{ worker: 1, slot: desk.slot(id), cancel: false }]);
  });
});

describe("a worker that drains", () => {
  test("gets nothing new when it registers again without apps, and its runs end as ever", () => {
    const desk = new Desk();
    desk.ready(1, { a: 2 });
    const id = desk.place();
    desk.placement.heartbeat(1, [desk.slot(id)]);
    desk.ready(1, {}, [{ slot: desk.slot(id), app: "a", ms_left: 1000 }]);
    const next = desk.place();
    expect(desk.order).toEqual([id]);
    desk.placement.free(1, desk.slot(id));
    expect(desk.order).toEqual([id]);
    desk.ready(2);
    expect(desk.order).toEqual([id, next]);
  });
});

describe("a new dirty arbiter", () => {
  test("takes over what the workers run, and grants only what is free", () => {
    const desk = new Desk({ epoch: 9 });
    desk.ready(1, { a: 2 }, [{ slot: slotId(5, 1), app: "a", ms_left: 10_000 }]);
    desk.place();
    desk.place();
    expect(desk.granted).toHaveLength(1);
    desk.placement.free(1, slotId(5, 1));
    expect(desk.granted).toHaveLength(2);
  });

  test("keeps the deadlines of runs that it took over", () => {
    const desk = new Desk({ abortGraceMs: 2000 });
    desk.ready(1, { a: 2 }, [{ slot: slotId(5, 1), app: "a", ms_left: 3000 }]);
    desk.wait(5000, 1);
    expect(desk.killed).toEqual([]);
    desk.wait(1000, 1);
    expect(desk.killed).toEqual([1]);
  });

  test("grants nothing while it holds, then in the order in which the requests first came", () => {
    const desk = new Desk({ holding: true });
    desk.ready(1, { a: 2 });
    const late = desk.place("a", { arrival: 300 });
    const early = desk.place("a", { arrival: 100 });
    const middle = desk.place("a", { arrival: 200 });
    desk.now = 1000;
    expect(desk.granted).toEqual([]);
    desk.placement.release();
    expect(desk.order).toEqual([early, middle]);
    desk.placement.free(1, desk.slot(early));
    expect(desk.order).toEqual([early, middle, late]);
  });
});

describe("apps whose workers fail to start", () => {
  test("refuse at once, also what waits already, and say so", () => {
    const desk = new Desk();
    const waiting = desk.place();
    desk.placement.setFailing(undefined);
    const after = desk.place();
    expect(desk.rejected.map(({ id }) => id)).toEqual([waiting, after]);
    for (const { error } of desk.rejected) {
      expect(error).toBeInstanceOf(DirtyNoWorkersAvailableError);
      expect(error.retryAfter).toBe(30);
    }
  });

  test("go on where a worker still runs them", () => {
    const desk = new Desk();
    desk.ready(1, { a: 1 });
    desk.placement.setFailing(undefined);
    const first = desk.place("a");
    desk.place("a");
    desk.place("b");
    expect(desk.order).toEqual([first]);
    expect(desk.rejected).toHaveLength(1);
  });

  test("are refused alone: those for another app without workers wait on", () => {
    const desk = new Desk({ apps: ["a", "b", "c"] });
    desk.ready(1, { a: 1 });
    const waiting = ["b", "c"].map((app) => desk.place(app));
    desk.placement.setFailing(["b"]);
    const later = ["b", "c", "a"].map((app) => desk.place(app));
    expect(desk.rejected.map(({ id }) => id)).toEqual([waiting[0], later[0]]);
    expect(desk.order).toEqual([later[2]]);
    // What is said next replaces that.
    desk.placement.setFailing(["c"]);
    const last = ["b", "c"].map((app) => desk.place(app));
    expect(desk.rejected.slice(2).map(({ id }) => id)).toEqual([waiting[1], later[1], last[1]]);
  });

  test("are served again when their workers come back", () => {
    const desk = new Desk();
    desk.placement.setFailing(undefined);
    desk.placement.setFailing([]);
    const id = desk.place();
    desk.ready(1);
    expect(desk.order).toEqual([id]);
  });
});

describe("the end", () => {
  test("answers everyone who waits", () => {
    const desk = new Desk();
    const ids = [desk.place("a"), desk.place("b"), desk.place("a")];
    desk.placement.close();
    expect(desk.rejected.map(({ id }) => id).toSorted()).toEqual(ids);
    for (const { error } of desk.rejected) expect(error).toBeInstanceOf(DirtyDrainingError);
  });
});
