import { describe, expect, test } from "vitest";
import { chooseApps as allocate } from "../../src/arbiter/app-allocation.ts";
import { ResourcePool } from "../../src/arbiter/resource-pool.ts";
import type { AppStatics } from "../../src/process/channel.ts";

const app = (name: string, workers?: number, resources: Record<string, number> = {}) => ({
  app: name,
  workers,
  resources,
});
const chooseApps = (statics: AppStatics[], taken: string[][]) => allocate(statics, taken, () => true).apps;

describe("chooseApps", () => {
  test("apps without a limit are in every worker", () => {
    const statics = [app("a"), app("b")];
    expect(chooseApps(statics, [])).toEqual(["a", "b"]);
    expect(chooseApps(statics, [["a", "b"], ["a", "b"], ["a"]])).toEqual(["a", "b"]);
  });

  test("an app with a limit is left out once enough workers have it", () => {
    const statics = [app("small"), app("heavy", 2)];
    expect(chooseApps(statics, [])).toEqual(["small", "heavy"]);
    expect(chooseApps(statics, [["small", "heavy"]])).toEqual(["small", "heavy"]);
    expect(
      chooseApps(statics, [
        ["small", "heavy"],
        ["small", "heavy"],
      ]),
    ).toEqual(["small"]);
  });

  test("a replacement gets what the dead worker had", () => {
    const statics = [app("one", 1), app("two", 1), app("all")];
    const alive = [["one", "all"], ["all"]];
    expect(chooseApps(statics, alive)).toEqual(["two", "all"]);
  });

  test("a worker for which nothing is left runs nothing", () => {
    expect(chooseApps([app("one", 1)], [["one"]])).toEqual([]);
  });

  test("workers that were told nothing yet take nothing from anyone", () => {
    expect(chooseApps([app("one", 1)], [[], []])).toEqual(["one"]);
  });

  test("an app is left out where its resources are not free, and what it needs is added up", () => {
    const pool = new ResourcePool({ gpu: ["0", "1", "2"], tpu: ["a"] });
    const statics = [
      app("two", undefined, { gpu: 2 }),
      app("more", undefined, { gpu: 2 }),
      app("one", 1, { gpu: 1, tpu: 1 }),
    ];
    const { apps, needs, lacking } = allocate(statics, [], (wanted) => pool.has(wanted));
    expect(apps).toEqual(["two", "one"]);
    expect(needs).toEqual({ gpu: 3, tpu: 1 });
    expect(lacking.map((one) => one.app)).toEqual(["more"]);
  });
});
