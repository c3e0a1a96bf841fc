import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonSize } from "../../src/schemas/json-size.ts";

function sizeOf(text: string, cut = 0): number {
  const size = new JsonSize();
  const bytes = Buffer.from(text);
  size.take(bytes, 0, cut);
  size.take(bytes, cut, bytes.length);
  return size.values;
}

/** How many values there are, all levels together. */
function count(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + count(inner), 1);
}

describe("the size of a JSON text", () => {
  it.each([
    ["1", 1],
    ["[]", 2],
    ["[1, 2]", 3],
    ['{"a": [1, {"b": 2}]}', 5],
    ['["a,b", "[", "{\\"[,\\\\", "\\\\"]', 5],
    ['"漢,字"', 1],
  ])("of %s is %i", (text, values) => {
    expect(sizeOf(text)).toBe(values);
  });

  it.each([
    ['{"a": {"b": [1, ":"]}, "c:": 1}', 3],
    ['[":", {}]', 0],
  ])("tells the keys of %s", (text, keys) => {
    const size = new JsonSize();
    size.take(Buffer.from(text), 0, text.length);
    expect(size.keys).toBe(keys);
  });

  it("is that of its values, and of empty lists and objects once more, however it is cut", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), fc.nat(), (value, indent, at) => {
        const text = JSON.stringify(value, null, indent);
        const bytes = Buffer.byteLength(text);
        const size = sizeOf(text, at % (bytes + 1));
        expect(size).toBe(sizeOf(text));
        expect(size).toBeGreaterThanOrEqual(count(value));
        expect(size).toBeLessThanOrEqual(2 * count(value));
      }),
    );
  });
});
