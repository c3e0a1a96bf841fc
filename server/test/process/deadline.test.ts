import { getActiveResourcesInfo } from "node:process";
import { expect, test } from "vitest";
import { deadline } from "../../src/process/deadline.ts";

const timers = (): number => getActiveResourcesInfo().filter((name) => name === "Timeout").length;
const never = new Promise<string>(() => {});

test("work that is done in time gives its result, and leaves no timer behind", async () => {
  const before = timers();
  const late = (): never => {
    throw new Error("it was not late");
  };
  expect(await deadline(60_000, Promise.resolve("done"), late)).toBe("done");
  await expect(deadline(60_000, Promise.reject(new Error("broken")), late)).rejects.toThrow("broken");
  expect(timers()).toBe(before);
});

test("work that is late is stood in for, or rejects with what is thrown instead", async () => {
  expect(await deadline(1, never, () => "late")).toBe("late");
  const thrown = deadline(1, never, () => {
    throw new Error("it took too long");
  });
  await expect(thrown).rejects.toThrow("it took too long");
});

test("work that fails after its time is over disturbs no other code", async () => {
  let fail = (_: Error): void => {};
  const work = new Promise<string>((_, reject) => {
    fail = reject;
  });
  expect(await deadline(1, work, () => "late")).toBe("late");
  // As an unhandled rejection it would end the test's process.
  fail(new Error("late and broken"));
  await new Promise((resolve) => setImmediate(resolve));
});
