import { expect, test } from "vitest";
import type { Child } from "../../src/arbiter/child.ts";
import { Generations } from "../../src/arbiter/generations.ts";
import { resolveSettings } from "../../src/config/resolve.ts";

const { settings } = resolveSettings([], { cwd: "/", configFile: undefined });

test("what is scarce goes from workers that go to those that come, and never back", () => {
  const ignored = { appsChanged: () => {}, committed: () => {}, abandoned: () => {} };
  const generations = new Generations({ ...settings, dirtyWorkers: 1 }, ignored);
  void generations.begin({ ...settings, dirtyWorkers: 1 }, new Set(["dirty-worker"]));
  const [old, next] = generations.dirtyCrews;
  if (old === undefined || next === undefined) throw new Error("there are not two generations");
  const order = () => [generations.isBefore(old, next), generations.isBefore(next, old)];
  expect(order()).toEqual([true, false]);
  // One of the old drains when the new one serves.
  old.children.add({ stopping: true } as Child);
  next.children.add({ ready: true } as Child);
  generations.advance();
  expect(generations.current.dirty).toBe(next);
  expect(generations.dirtyCrews).toContain(old);
  expect(order()).toEqual([true, false]);
  expect(generations.isBefore(next, next)).toBe(false);
});
