import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { getDirtyClient } from "../../src/dirty/client.ts";
import { dirty } from "../../src/dirty/typed-client.ts";
import { getLogger } from "../../src/process/logger.ts";
import { StandIn } from "./stand-in.ts";

let side: StandIn;

beforeEach(async () => {
  side = await StandIn.open();
  vi.useFakeTimers({ toFake: ["setTimeout", "Date"] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  side.close();
});

test("a call that was not used is logged as a mistake, once, and a used one is not", () => {
  const warn = vi.spyOn(getLogger(), "warn").mockImplementation(() => {});
  const said = (text: string): number =>
    warn.mock.calls.filter(([message]) => String(message).includes(text)).length;
  const client = getDirtyClient();
  void client.execute("./app.ts:App", "forgotten");
  (dirty("./app.ts:App") as unknown as { overlooked(): void }).overlooked();
  client
    .execute("./app.ts:App", "first")
    .then(() => {})
    .catch(() => {});
  client
    .stream("./app.ts:App", "second")
    [Symbol.asyncIterator]()
    .next()
    .catch(() => {});
  vi.advanceTimersByTime(4000);
  expect(warn).not.toHaveBeenCalled();
  void client.execute("./app.ts:App", "late");
  vi.advanceTimersByTime(2000);
  expect([said("forgotten"), said("overlooked"), said("late")]).toEqual([1, 1, 0]);
  vi.advanceTimersByTime(60_000);
  expect([said("forgotten"), said("overlooked"), said("late")]).toEqual([1, 1, 1]);
  expect([said("first"), said("second")]).toEqual([0, 0]);
});
