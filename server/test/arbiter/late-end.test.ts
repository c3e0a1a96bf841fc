import { expect, test } from "vitest";
import { explainLateEnd } from "../../src/arbiter/late-end.ts";
import { monotonicMs } from "../../src/process/clock.ts";

test("a child that is killed as it stops is said to have been late", () => {
  expect(explainLateEnd({ ending: undefined, kind: "http-worker" }, 31_000)).toBe(
    "it has not ended 31 s after it was asked to stop",
  );
});

test.each([
  ["dirty-worker", "the dirty app app:Model", "dirtyGracefulTimeout"],
  ["http-worker", "the web app", "gracefulTimeout"],
] as const)(
  "where code of the user's in a %s hangs, it is said which, for how long, and what to do",
  (kind, app, setting) => {
    const ending = { step: `close() of ${app}`, since: monotonicMs() - 2500 };
    expect(explainLateEnd({ ending, kind }, 3000)).toMatch(
      new RegExp(
        `^close\\(\\) of ${app} has not ended after 2\\.\\d s; give what it waits for a time limit, or raise ${setting}$`,
      ),
    );
  },
);
