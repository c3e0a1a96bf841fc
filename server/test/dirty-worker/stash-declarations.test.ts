import { describe, expect, test } from "vitest";
import { joinStashes, readStashes } from "../../src/dirty-worker/stash-declarations.ts";

describe("static stashes", () => {
  test("may be names, or bounds by name, or nothing", () => {
    expect(readStashes("a:A", undefined)).toEqual(new Map());
    expect(readStashes("a:A", ["x", "y"])).toEqual(
      new Map([
        ["x", {}],
        ["y", {}],
      ]),
    );
    const bounds = { maxEntries: 5, maxBytes: 6, ttl: 0.5 };
    expect(readStashes("a:A", { x: bounds, y: {} })).toEqual(
      new Map<string, object>([
        ["x", bounds],
        ["y", {}],
      ]),
    );
  });

  test.for<[string, unknown, RegExp]>([
    ["text", "sessions", /must be a list/],
    ["null", null, /must be a list/],
    ["a number as a name", [5], /no usable name/],
    ["a name of 2 KiB", ["x".repeat(2048)], /no usable name/],
    ["a number as bounds", { x: 5 }, /"x" .* must be an object/],
    ["an option that is not there", { x: { size: 5 } }, /"x" .* unknown option size/],
    ["a bound of 0", { x: { maxEntries: 0 } }, /maxEntries of "x" .* is 0/],
    ["a time of text", { x: { ttl: "1h" } }, /ttl of "x" .* is 1h/],
  ])("with %s are refused by name", ([, declared, message]) => {
    expect(() => readStashes("a:A", declared)).toThrow(message);
    expect(() => readStashes("a:A", declared)).toThrow("static stashes of the dirty app a:A");
  });

  test("of two apps may name the same table, with the same bounds only", () => {
    const x = readStashes("a:A", { x: { ttl: 5 } });
    expect(
      joinStashes([
        ["a:A", x],
        ["b:B", readStashes("b:B", { x: { ttl: 5 }, y: {} })],
      ]),
    ).toHaveProperty("size", 2);
    expect(() =>
      joinStashes([
        ["a:A", x],
        ["b:B", readStashes("b:B", ["x"])],
      ]),
    ).toThrow(/a:A and b:B declare the stash table "x"/);
  });
});
