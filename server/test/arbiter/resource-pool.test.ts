import { describe, expect, test } from "vitest";
import { ResourcePool, resourceVariables } from "../../src/arbiter/resource-pool.ts";

describe("units of resources", () => {
  test("have one holder each, and are free again when it is gone", () => {
    const pool = new ResourcePool({ gpu: ["0", "1"] });
    const [first, second] = [{}, {}];
    expect(pool.take(first, { gpu: 1 })).toEqual({ gpu: ["0"] });
    expect(pool.take(second, { gpu: 1 })).toEqual({ gpu: ["1"] });
    expect(pool.lacking({ gpu: 1 })).toEqual(["gpu"]);
    expect(() => pool.take({}, { gpu: 1 })).toThrow("Too few units of the resource gpu are free.");
    pool.release(first);
    expect(pool.take({}, { gpu: 1 })).toEqual({ gpu: ["0"] });
  });

  test("that no config names are lacking, and none are needed by who asks for none", () => {
    const pool = new ResourcePool({});
    expect(pool.lacking({ gpu: 1 })).toEqual(["gpu"]);
    expect(pool.take({}, {})).toEqual({});
    expect(pool.has({ gpu: 0 })).toBe(true);
  });

  test("of a new config are given out, and those that it has no longer are not", () => {
    const pool = new ResourcePool({ gpu: ["0", "1"] });
    const holder = {};
    pool.take(holder, { gpu: 1 });
    pool.configure({ gpu: ["1", "2"] });
    expect(pool.isHeldBy(holder, "gpu")).toBe(true);
    expect(pool.take({}, { gpu: 2 })).toEqual({ gpu: ["1", "2"] });
    pool.release(holder);
    expect(pool.has({ gpu: 1 })).toBe(false);
  });

  test("are counted also while a worker holds them", () => {
    const pool = new ResourcePool({ gpu: ["0", "1"] });
    pool.take({}, { gpu: 2 });
    expect([pool.exists("gpu", 2), pool.exists("gpu", 3), pool.exists("tpu", 1)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("reach programs in the variables that they look at", () => {
    expect(resourceVariables({ gpu: ["0", "3"], licence: ["a"] })).toEqual({
      CUDA_VISIBLE_DEVICES: "0,3",
      RESOURCE_LICENCE: "a",
    });
  });
});
