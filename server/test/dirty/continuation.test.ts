import { describe, expect, test } from "vitest";
import { Continuation, EmittedBudget, MAX_EMITTED } from "../../src/dirty/continuation.ts";

const KIB = 1024;

describe("what calls keep to be continued", () => {
  test("is at most so much for one, and nothing more once that was passed", () => {
    const budget = new EmittedBudget();
    const one = new Continuation(budget);
    one.add("a", MAX_EMITTED);
    expect([one.overflowed, one.emitted, budget.kept]).toEqual([false, ["a"], MAX_EMITTED]);
    one.add("b", 1);
    one.add("c", 1);
    expect([one.overflowed, one.emitted, budget.kept]).toEqual([true, undefined, 0]);
  });

  test("is at most so much for all: the one that keeps the most gives it up", () => {
    const budget = new EmittedBudget(100 * KIB);
    const large = new Continuation(budget);
    large.add("large", 60 * KIB);
    const small = Array.from({ length: 40 }, () => new Continuation(budget));
    for (const each of small) each.add("small", KIB);
    expect([large.overflowed, budget.kept]).toEqual([false, 100 * KIB]);
    small[0]?.add("one more", 1);
    expect([large.overflowed, large.emitted, budget.kept]).toEqual([true, undefined, 40 * KIB + 1]);
    expect(small.some(({ overflowed }) => overflowed)).toBe(false);
    expect(small[0]?.emitted).toEqual(["small", "one more"]);
  });

  test("may be the newcomer that gives it up", () => {
    const budget = new EmittedBudget(100 * KIB);
    const first = new Continuation(budget);
    first.add("a", 10 * KIB);
    const second = new Continuation(budget, ["x".repeat(95 * KIB)]);
    expect([first.overflowed, second.overflowed, budget.kept]).toEqual([false, true, 10 * KIB]);
  });

  test("is given back with the call's end, and only once", () => {
    const budget = new EmittedBudget(100 * KIB);
    const one = new Continuation(budget);
    const other = new Continuation(budget);
    one.add("a", 10 * KIB);
    other.add("b", 20 * KIB);
    one.giveUp();
    one.giveUp();
    one.add("c", KIB);
    expect([budget.kept, other.emitted]).toEqual([20 * KIB, ["b"]]);
  });
});
