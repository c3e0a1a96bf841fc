import { expect, test } from "vitest";
import { RequestLimit } from "../../src/process/request-limit.ts";

/** Counts requests. @returns how often the limit was reached, after each of them. */
function reachedAfter(requests: number, limit: number, jitter: number, random?: () => number): number[] {
  let reached = 0;
  const counter = new RequestLimit(limit, jitter, () => reached++, random);
  return Array.from({ length: requests }, () => {
    counter.count();
    return reached;
  });
}

test("a limit is reached with its last request, and told once however many follow", () => {
  expect(reachedAfter(6, 3, 0)).toEqual([0, 0, 1, 1, 1, 1]);
  expect(reachedAfter(3, 1, 0)).toEqual([1, 1, 1]);
});

test("0 turns the limit off, whatever the jitter", () => {
  expect(reachedAfter(1000, 0, 5).at(-1)).toBe(0);
});

test("the jitter adds from nothing up to all of it", () => {
  const limits = [0, 0.5, 0.999].map((random) => reachedAfter(20, 10, 4, () => random).indexOf(1) + 1);
  expect(limits).toEqual([10, 12, 14]);
});

test("workers with a jitter do not reach their limits together", () => {
  const limits = Array.from({ length: 50 }, () => reachedAfter(200, 10, 100).indexOf(1) + 1);
  expect(Math.min(...limits)).toBeGreaterThanOrEqual(10);
  expect(Math.max(...limits)).toBeLessThanOrEqual(110);
  expect(new Set(limits).size).toBeGreaterThan(5);
});
