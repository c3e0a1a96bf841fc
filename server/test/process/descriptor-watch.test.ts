import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { watchDescriptors } from "../../src/process/descriptor-watch.ts";
import { getLogger } from "../../src/process/logger.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("a lack of descriptors is told once, however long it lasts, and once when it is over", () => {
  const said: string[] = [];
  for (const level of ["error", "info"] as const) {
    vi.spyOn(getLogger(), level).mockImplementation((line: unknown) => {
      said.push(String(line).replace(/:.*/s, ""));
    });
  }
  let left = true;
  watchDescriptors(() => left);
  const pass = (seconds: number) => vi.advanceTimersByTime(seconds * 1000);
  pass(3);
  left = false;
  pass(60);
  left = true;
  pass(60);
  left = false;
  pass(3);
  expect(said).toEqual([
    "there are no file descriptors left",
    "there are file descriptors again, after 60 s",
    "there are no file descriptors left",
  ]);
});
