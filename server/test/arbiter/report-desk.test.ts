import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Asked, ReportDesk } from "../../src/arbiter/report-desk.ts";
import type { ToChild } from "../../src/process/channel.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class Child implements Asked {
  readonly ids: number[] = [];

  tell(message: ToChild): void {
    if (message.type === "report") this.ids.push(message.id);
  }
}

test("each question gets its own answer", async () => {
  const desk = new ReportDesk();
  const child = new Child();
  const [first, second] = [desk.ask(child), desk.ask(child)];
  desk.answered(child, child.ids[1] ?? 0, "second");
  desk.answered(child, child.ids[0] ?? 0, "first");
  expect(await Promise.all([first, second])).toEqual(["first", "second"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("a child that does not answer is waited for 2 s, and its late answer is dropped", async () => {
  const desk = new ReportDesk();
  const child = new Child();
  const answer = desk.ask(child);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await answer).toBeUndefined();
  desk.answered(child, child.ids[0] ?? 0, "late");
});

test("a child that is gone is not waited for, and its answer is not taken from another", async () => {
  const desk = new ReportDesk();
  const [child, other] = [new Child(), new Child()];
  const [gone, stays] = [desk.ask(child), desk.ask(other)];
  desk.answered(child, other.ids[0] ?? 0, "not mine");
  desk.gone(child);
  expect(await gone).toBeUndefined();
  desk.answered(other, other.ids[0] ?? 0, "mine");
  expect(await stays).toBe("mine");
});
