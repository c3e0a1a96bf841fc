import { expect, test } from "vitest";
import { RestartCounts } from "../../src/arbiter/restart-counts.ts";

test("restarts are counted by kind and reason", () => {
  const counts = new RestartCounts();
  expect(counts.list()).toEqual([]);
  counts.add("http-worker", "silent");
  counts.add("dirty-worker", "hung run");
  counts.add("dirty-worker", "died");
  counts.add("dirty-worker", "hung run");
  expect(counts.list()).toEqual([
    { kind: "dirty-worker", reason: "died", count: 1 },
    { kind: "dirty-worker", reason: "hung run", count: 2 },
    { kind: "http-worker", reason: "silent", count: 1 },
  ]);
});
