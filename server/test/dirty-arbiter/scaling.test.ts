import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Scaling } from "../../src/dirty-arbiter/scaling.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("each wish gets its own answer", async () => {
  const asked: [by: number, id: number][] = [];
  const scaling = new Scaling((by, id) => asked.push([by, id]));
  const more = scaling.scale(1);
  const fewer = scaling.scale(-2);
  expect(asked.map(([by]) => by)).toEqual([1, -2]);
  const [first = 0, second = 0] = asked.map(([, id]) => id);
  scaling.answered(second, { target: 1, refused: "too few" });
  scaling.answered(first, { target: 3, refused: null });
  scaling.answered(99, { target: 9, refused: null });
  expect(await more).toEqual({ target: 3, refused: null });
  expect(await fewer).toEqual({ target: 1, refused: "too few" });
  expect(vi.getTimerCount()).toBe(0);
});

test("an arbiter that does not answer is waited for 2 s", async () => {
  const wish = expect(new Scaling(() => {}).scale(1)).rejects.toThrow("The arbiter did not answer");
  await vi.advanceTimersByTimeAsync(2000);
  await wish;
});
