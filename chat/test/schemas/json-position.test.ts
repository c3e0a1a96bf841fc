import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findJsonError } from "../../src/schemas/json-position.ts";

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("the position of an error in JSON", () => {
  it.each([
    ['{"prompt": }', 11],
    ['{"prompt": "hi"', 15],
    ['{"prompt" "hi"}', 10],
    ["{'prompt': 'hi'}", 1],
    ['{"prompt": "hi",}', 16],
    ["[1,]", 3],
    ["[1 2]", 3],
    ["{]", 1],
    ["[}", 1],
    ["nul", 0],
    ["01", 1],
    ["hello", 0],
    ["", 0],
    ["   ", 3],
    ['{"a": "\n"}', 6],
    ['{"a": "\\x"}', 6],
    ["{} {}", 3],
  ])("of %j is %i", (text, position) => {
    expect(isJson(text)).toBe(false);
    expect(findJsonError(text)).toBe(position);
  });

  it("is nowhere in what JSON.stringify makes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2, "\t"), (value, indent) => {
        expect(findJsonError(JSON.stringify(value, null, indent))).toBeUndefined();
      }),
    );
  });

  it("is found exactly where JSON.parse fails", () => {
    const soup = fc.string({
      unit: fc.constantFrom(
        "{",
        "}",
        "[",
        "]",
        '"',
        ":",
        ",",
        "1",
        "0",
        "-",
        ".",
        "e",
        "a",
        "\\",
        "u",
        " ",
        "null",
      ),
    });
    const spoiled = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom("", ",", '"', "}", "]", ":", "x", "\n"))
      .map(
        ([text, at, char]) =>
          text.slice(0, at % (text.length + 1)) + char + text.slice((at % (text.length + 1)) + 1),
      );
    fc.assert(
      fc.property(fc.oneof(soup, spoiled), (text) => {
        const position = findJsonError(text);
        expect(position === undefined).toBe(isJson(text));
        if (position !== undefined) expect(position).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 2000 },
    );
  });

  it("is found in a megabyte of anything", () => {
    const size = 1024 * 1024;
    expect(findJsonError("[".repeat(size))).toBe(size);
    expect(findJsonError('{"a":'.repeat(size / 8))).toBe((size / 8) * 5);
    expect(findJsonError(`"${"a".repeat(size)}`)).toBe(0);
    expect(findJsonError(`"${"\\n".repeat(size / 2)}"`)).toBeUndefined();
    expect(findJsonError(`${" ".repeat(size)}x`)).toBe(size);
    expect(findJsonError("1".repeat(size))).toBeUndefined();
  });
});
