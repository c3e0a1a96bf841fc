import { describe, expect, test } from "vitest";
import { type Action, FaultLog, type Kind } from "../fault-log.ts";
import { LIMITS } from "../limits.ts";
import { mayBeCut, mayBeForgotten, mayBeGone, mayBeLostWaiting, mayFail } from "../rules.ts";
import { grown } from "../run.ts";
import type { World } from "../world.ts";

type Done = readonly [Kind, Action, at: number, over?: number];

function world(faults: readonly Done[], migration = false): World {
  const log = new FaultLog();
  for (const [kind, action, at, over] of faults) {
    const fault = log.add(kind, action, 1, at);
    fault.over = over;
    if (over !== undefined) fault.replacedAt = over + 500;
  }
  return {
    target: { port: 0 },
    slowTarget: { port: 0 },
    words: 10,
    features: { resume: true, reload: true, migration },
    faults: log,
    now: () => 0,
    count: () => {},
  };
}

const died = (type: string, from: number, at: number) => ({ type, from, at, lag: 0 });

describe("nothing excuses", () => {
  test("a cut while every HTTP worker lives", () => {
    expect(mayBeCut(world([]), 10_000, 0)).toBe(false);
    expect(mayBeCut(world([["http worker", "pause", 9_000, 11_000]]), 10_000, 0)).toBe(false);
    expect(mayBeCut(world([["http worker", "kill", 5_000, 5_050]]), 10_000, 0)).toBe(false);
    expect(mayBeCut(world([["dirty worker", "kill", 9_900, 9_950]]), 10_000, 0)).toBe(false);
  });

  test("the death of a worker where none died, or an error that comes late", () => {
    expect(mayFail(world([]), died("worker_died", 0, 10_000))).toBe(false);
    expect(mayFail(world([["dirty worker", "kill", 5_000, 5_050]]), died("worker_died", 0, 10_000))).toBe(
      false,
    );
  });

  test("the death of one worker, where answers migrate", () => {
    const one = world([["dirty worker", "kill", 9_900, 9_950]], true);
    expect(mayFail(one, died("worker_died", 0, 10_000))).toBe(false);
  });

  test("a timeout before the time is over, or while every dirty worker runs", () => {
    const over = LIMITS.dirtyTimeout * 1000;
    const stopped: Done = ["dirty worker", "stop", 1_000];
    expect(mayFail(world([stopped]), died("timeout", 0, over / 2))).toBe(false);
    expect(mayFail(world([["dirty worker", "kill", 1_000, 1_050]]), died("timeout", 0, over))).toBe(false);
    expect(mayFail(world([stopped]), died("timeout", 0, over))).toBe(true);
  });

  test("that no worker is there before as many have died as make a crash loop", () => {
    const deaths = (count: number): Done[] =>
      Array.from({ length: count }, (_, i) => ["dirty worker", "kill", 5_000 + i * 500, 5_050 + i * 500]);
    expect(mayFail(world(deaths(6)), died("no_workers", 0, 10_000))).toBe(false);
    expect(mayFail(world(deaths(7)), died("no_workers", 0, 10_000))).toBe(true);
  });

  test.each(["internal_error", "app_error", "draining", "unavailable"])("%s", (type) => {
    const faults: Done[] = [["dirty worker", "kill", 9_900, 9_950]];
    expect(mayFail(world(faults), died(type, 0, 10_000))).toBe(false);
  });

  test("a stream that is not found while its dirty worker lives", () => {
    const arbiter: Done = ["dirty arbiter", "kill", 9_000, 9_050];
    expect(mayBeGone(world([arbiter, ["dirty worker", "pause", 8_000, 9_500]]), 9_000, 10_000)).toBe(false);
    expect(mayBeForgotten(world([arbiter]), 9_000, 10_000)).toBe(false);
    expect(mayBeForgotten(world([["dirty worker", "kill", 9_000, 9_050]]), 9_000, 10_000)).toBe(false);
    const later: Done = ["dirty worker", "kill", 9_850, 9_900];
    expect(mayBeForgotten(world([arbiter, later]), 9_500, 10_000)).toBe(false);
  });
});

test("the death of the process that served them excuses clients", () => {
  expect(mayBeCut(world([["http worker", "kill", 9_900, 9_950]]), 10_000, 0)).toBe(true);
  expect(mayBeCut(world([["http worker", "stop", 2_000, 9_900]]), 10_000, 0)).toBe(true);
  const worker: Done = ["dirty worker", "kill", 9_400, 9_450];
  expect(mayFail(world([worker]), died("worker_died", 0, 10_000))).toBe(true);
  expect(mayBeGone(world([worker]), 9_000, 10_000)).toBe(true);
  expect(mayBeForgotten(world([worker, ["dirty arbiter", "kill", 9_500, 9_550]]), 9_000, 10_000)).toBe(true);
});

test("the deaths of its HTTP worker and the dirty arbiter excuse the loss of a request that waited", () => {
  const http: Done = ["http worker", "kill", 9_400, 9_450];
  const arbiter: Done = ["dirty arbiter", "kill", 9_500, 9_550];
  expect(mayBeLostWaiting(world([http, arbiter]), 9_000, 10_000)).toBe(true);
  expect(mayBeLostWaiting(world([http]), 9_000, 10_000)).toBe(false);
  expect(mayBeLostWaiting(world([arbiter]), 9_000, 10_000)).toBe(false);
  expect(mayBeLostWaiting(world([["http worker", "pause", 9_400, 9_450], arbiter]), 9_000, 10_000)).toBe(
    false,
  );
});

test("a dirty worker that stood still while the dirty arbiter was replaced, and then died, never told its runs", () => {
  const arbiter: Done = ["dirty arbiter", "kill", 7_000, 7_050];
  const killed: Done = ["dirty worker", "kill", 9_850, 9_900];
  const paused = (from: number, to: number): Done => ["dirty worker", "pause", from, to];
  const forgotten = (...faults: Done[]) => mayBeForgotten(world(faults), 9_500, 10_000);
  expect(forgotten(arbiter, paused(6_500, 9_600), killed)).toBe(true);
  expect(forgotten(arbiter, paused(6_500, 7_500), killed)).toBe(false);
  expect(forgotten(arbiter, paused(5_000, 6_000), killed)).toBe(false);
  expect(forgotten(arbiter, killed)).toBe(false);
});

test("an idle server that holds more than before is found", () => {
  const memory = { "http worker": 100, "dirty worker": 100, "dirty arbiter": 100, arbiter: 100 };
  const before = { memory, arbiterFiles: 30, files: ["a"] };
  expect(grown(before, { ...before, memory: { ...memory, arbiter: 139 } })).toEqual([]);
  expect(grown(before, { ...before, memory: { ...memory, arbiter: 141 } })).toEqual(["memory grew to 110 %"]);
  expect(grown(before, { ...before, arbiterFiles: 31 })).toHaveLength(1);
  expect(grown(before, { ...before, files: ["a", "b"] })).toHaveLength(1);
});
