import { expect, test } from "vitest";
import { explainLateEnd } from "../../src/arbiter/late-end.ts";
import { monotonicMs } from "../../src/process/clock.ts";

test("a child that is killed as it stops is said to have been late", () => {
  expect(explainLateEnd({ ending: undefined }, 31_000)).toBe(
    "it has not ended 31 s after it was asked to stop",
  );
});

test("where code of the user's hangs, it is said which, for how long, and what to do", () => {
  const ending = { step: "close() of the dirty app app:Model", since: monotonicMs() - 2500 };
  expect(explainLateEnd({ ending }, 3000)).toMatch(
    /^close\(\) of the dirty app app:Model has not ended after 2\.\d s; give what it waits for a time limit, or raise dirtyGracefulTimeout$/,
  );
});
