import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { getLogger } from "../../src/process/logger.ts";
import { SeldomWarning } from "../../src/process/seldom.ts";

const MESSAGE = "a connection to the dirty worker failed";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("what comes again and again is told once, and counted in ten seconds", () => {
  const warn = vi.spyOn(getLogger(), "warn").mockReturnValue();
  const seldom = new SeldomWarning();
  const err = new Error("bad magic");
  for (let n = 0; n < 1000; n++) seldom.warn({ err }, MESSAGE);
  expect(warn.mock.calls).toEqual([[{ err }, MESSAGE]]);
  vi.advanceTimersByTime(10_000);
  // In Python they are the same words.
  expect(warn.mock.lastCall).toEqual([`${MESSAGE}: 999 more within 10 s`]);
  seldom.warn({ err }, MESSAGE);
  vi.advanceTimersByTime(10_000);
  expect(warn.mock.calls.slice(2)).toEqual([[{ err }, MESSAGE]]);
});
