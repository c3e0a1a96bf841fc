import { describe, expect, test } from "vitest";
import { DrainRate } from "../../src/dirty-arbiter/drain-rate.ts";

/** A queue that moved every `ms` until now. */
function movingEvery(ms: number, grants = 10): { rate: DrainRate; now: number } {
  const rate = new DrainRate();
  let now = 1_000_000;
  for (let count = 0; count < grants; count++) {
    now += ms;
    rate.granted(now);
  }
  return { rate, now };
}

describe("the time after which a client should come back", () => {
  test("is as long as the queue really needs to drain", () => {
    const { rate, now } = movingEvery(1000);
    const seconds = rate.retryAfter(10, now);
    expect(seconds).toBeGreaterThanOrEqual(8);
    expect(seconds).toBeLessThanOrEqual(11);
  });

  test("is longer with more who wait, and when the queue moves more slowly", () => {
    const { rate, now } = movingEvery(1000);
    expect(rate.retryAfter(20, now)).toBeGreaterThan(rate.retryAfter(5, now));
    const slow = movingEvery(2000);
    expect(slow.rate.retryAfter(5, slow.now)).toBeGreaterThan(rate.retryAfter(5, now));
  });

  test("is at least 1 second, also where the queue moves fast", () => {
    const { rate, now } = movingEvery(1);
    expect(rate.retryAfter(1, now)).toBe(1);
    expect(rate.retryAfter(0, now)).toBe(1);
  });

  test("is at most 30 seconds", () => {
    const { rate, now } = movingEvery(60_000);
    expect(rate.retryAfter(1000, now)).toBe(30);
  });

  test("is 30 seconds while the queue has not moved", () => {
    expect(new DrainRate().retryAfter(1, 5)).toBe(30);
  });

  test("grows while the queue stands still", () => {
    const { rate, now } = movingEvery(100);
    expect(rate.retryAfter(10, now)).toBeLessThanOrEqual(2);
    expect(rate.retryAfter(10, now + 10_000)).toBeGreaterThan(5);
  });

  test("forgets how fast the queue was long ago", () => {
    const { rate, now } = movingEvery(10_000, 5);
    let later = now;
    for (let count = 0; count < 100; count++) {
      later += 100;
      rate.granted(later);
    }
    expect(rate.retryAfter(10, later)).toBeLessThanOrEqual(2);
  });

  test("is a whole number of seconds", () => {
    const { rate, now } = movingEvery(333);
    expect(Number.isInteger(rate.retryAfter(7, now))).toBe(true);
  });
});
