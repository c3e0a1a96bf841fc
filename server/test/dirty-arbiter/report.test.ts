import { expect, test } from "vitest";
import { reportPlacement } from "../../src/dirty-arbiter/report.ts";
import { Desk } from "./desk.ts";
import { RunningArbiter } from "./running-arbiter.ts";

function report(desk: Desk, maxLeases?: number) {
  return reportPlacement(desk.placement.inspect(), maxLeases);
}

test("tells of each app its workers, its places and who waits", () => {
  const desk = new Desk();
  desk.ready(1, { a: 2, b: 1 });
  desk.ready(2, { a: 1 });
  desk.place("a");
  desk.place("b");
  desk.place("b");
  desk.wait(1500, 1, 2);
  desk.place("b");
  expect(report(desk).apps).toEqual([
    { app: "a", workers: 2, running: 1, places: 3, queued: 0, oldestWait: null, retryAfter: 30 },
    { app: "b", workers: 1, running: 1, places: 1, queued: 2, oldestWait: 1.5, retryAfter: 30 },
  ]);
});

test("tells of each worker whether it is there, and how full it is", () => {
  const desk = new Desk();
  desk.ready(1, { a: 4 });
  desk.ready(2, { b: 1 });
  desk.ready(3, { b: 1 });
  desk.place("a");
  desk.placement.workerDisconnected(2);
  desk.wait(1500, 1);
  expect(report(desk).workers).toEqual([
    { worker: 1, connected: true, silent: false, load: 0.25, leases: 1 },
    { worker: 2, connected: false, silent: true, load: 0, leases: 0 },
    { worker: 3, connected: true, silent: true, load: 0, leases: 0 },
  ]);
});

test("lists the leases, the oldest first, with their times", () => {
  const desk = new Desk();
  desk.ready(1, { a: 3 });
  const first = desk.place("a", { timeout: 60_000 });
  desk.wait(500, 1);
  const second = desk.place("a", { timeout: 60_000 });
  desk.placement.heartbeat(1, [desk.slot(first)]);
  desk.placement.cancel({ name: "other" }, second);
  desk.wait(1000, 1);
  expect(report(desk).leases).toEqual([
    { slot: desk.slot(first), app: "a", worker: 1, state: "running", age: 1.5, left: 59 },
    { slot: desk.slot(second), app: "a", worker: 1, state: "placed", age: 1, left: 59 },
  ]);
  desk.wait(1500, 1);
  expect(report(desk).leases.map(({ state }) => state)).toEqual(["running", "ending"]);
});

test("lists no more leases than anybody reads, and says how many there are besides", () => {
  const desk = new Desk();
  desk.ready(1, { a: 10 });
  const ids = Array.from({ length: 5 }, () => {
    desk.wait(100, 1);
    return desk.place("a");
  });
  const { leases, leasesLeftOut } = report(desk, 3);
  expect(leases.map(({ slot }) => slot)).toEqual(ids.slice(0, 3).map((id) => desk.slot(id)));
  expect(leasesLeftOut).toBe(2);
});

test("says why workers fail to start, for as long as they do", async () => {
  const running = await RunningArbiter.open();
  try {
    expect(running.arbiter.report().failing).toBeNull();
    running.arbiter.setFailing(["app:App"], "init() failed");
    expect(running.arbiter.report().failing).toBe("init() failed");
    running.arbiter.setFailing([], null);
    expect(running.arbiter.report().failing).toBeNull();
  } finally {
    running.close();
  }
});
