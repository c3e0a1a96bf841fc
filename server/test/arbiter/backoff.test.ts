import { describe, expect, test } from "vitest";
import { Backoff, CRASH_LOOP, HEALTHY_MS } from "../../src/arbiter/backoff.ts";

/** The pauses in ms after each of `failures` failures in a row. */
function pauses(failures: number, servedMs = 0): number[] {
  const backoff = new Backoff();
  return Array.from({ length: failures }, (_, index) => {
    const now = 1_000_000 + index;
    backoff.failed(now, servedMs);
    return backoff.notBefore - now;
  });
}

describe("Backoff", () => {
  test("a first failure is followed by a new start at once", () => {
    expect(new Backoff().notBefore).toBe(0);
    expect(pauses(1)).toEqual([0]);
  });

  test("the pauses double, up to half a minute", () => {
    expect(pauses(13)).toEqual([
      0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000,
    ]);
  });

  test("thousands of failures neither overflow nor stop it", () => {
    expect(pauses(2000).at(-1)).toBe(30_000);
  });

  test("three failures in a row are a loop", () => {
    const backoff = new Backoff();
    const looping = Array.from({ length: 4 }, () => {
      backoff.failed(0, 0);
      return backoff.looping;
    });
    expect(looping).toEqual([false, false, true, true]);
    expect(CRASH_LOOP).toBe(3);
  });

  test("the end of one that was healthy for long is a first failure, however many there were before", () => {
    const backoff = new Backoff();
    for (let i = 0; i < 5; i++) backoff.failed(0, 0);
    backoff.failed(0, HEALTHY_MS);
    expect(backoff.looping).toBe(false);
    expect(backoff.notBefore).toBe(0);
  });

  test("one that served for a moment only counts on", () => {
    expect(pauses(3, HEALTHY_MS - 1)).toEqual([0, 100, 200]);
  });

  test("success forgets what was", () => {
    const backoff = new Backoff();
    for (let i = 0; i < 5; i++) backoff.failed(1000, 0);
    backoff.succeeded();
    expect(backoff.looping).toBe(false);
    expect(backoff.notBefore).toBe(0);
    backoff.failed(2000, 0);
    expect(backoff.notBefore).toBe(2000);
  });

  test("children that could start and died later are not a loop, but have their pauses", () => {
    const backoff = new Backoff();
    for (let i = 0; i < 5; i++) {
      backoff.started();
      backoff.failed(0, 10);
    }
    expect(backoff.looping).toBe(false);
    expect(backoff.notBefore).toBe(800);
  });
});

test("pauses grow no longer than they may", () => {
  const backoff = new Backoff(500);
  for (let failures = 0; failures < 20; failures++) backoff.failed(1000, 1);
  expect(backoff.notBefore).toBe(1500);
});
