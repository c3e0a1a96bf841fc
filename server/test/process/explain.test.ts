import { expect, test } from "vitest";
import { explain } from "../../src/process/explain.ts";

test("an error is told with its causes, in one line", () => {
  const root = new Error("no such file");
  const middle = new Error("the model cannot be read", { cause: root });
  expect(explain(new Error("init() failed", { cause: middle }))).toBe(
    "init() failed: the model cannot be read: no such file",
  );
});

test("a cause that an error tells itself is told once", () => {
  const cause = new Error("no such file");
  expect(explain(new Error("the model cannot be read: no such file", { cause }))).toBe(
    "the model cannot be read: no such file",
  );
});

test.each([
  ["a text", "plain", "plain"],
  ["nothing", undefined, "undefined"],
  ["an object", { a: 1 }, "[object Object]"],
  ["an error with a text as its cause", new Error("outer", { cause: "inner" }), "outer: inner"],
])("%s that was thrown is told too", (_what, thrown, expected) => {
  expect(explain(thrown)).toBe(expected);
});

test("a message of many lines is told in one", () => {
  expect(explain(new Error("first\n  second"))).not.toContain("\n");
});

test("causes that go in a circle come to an end", () => {
  const error = new Error("round");
  error.cause = error;
  expect(explain(error).length).toBeLessThan(1000);
});
