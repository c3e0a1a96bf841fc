import { expect, it } from "vitest";
import { Turns } from "../../../src/models/transformers/turns.ts";

it("turns come one after the other, in order, and the process sees to all else in between", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const work = (name: string) => () => {
    seen.push(name);
    setImmediate(() => seen.push(`behind ${name}`));
    return Promise.resolve(name);
  };
  expect(await Promise.all(["a", "b", "c"].map((name) => turns.take(work(name))))).toEqual(["a", "b", "c"]);
  expect(seen.slice(0, 5)).toEqual(["a", "behind a", "b", "behind b", "c"]);
});

it("a turn that fails fails alone", async () => {
  const turns = new Turns();
  const failed = turns.take(() => Promise.reject(new Error("broken")));
  const next = turns.take(() => Promise.resolve("well"));
  await expect(failed).rejects.toThrow("broken");
  expect(await next).toBe("well");
});
