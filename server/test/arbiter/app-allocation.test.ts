import { describe, expect, test } from "vitest";
import { chooseApps } from "../../src/arbiter/app-allocation.ts";

const app = (name: string, workers?: number) => ({ app: name, workers, resources: {} });

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
});
