import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { TextSearch } from "../../src/models/text-search.ts";

/** What passes of a text that comes in these pieces, and what was found. */
function search(pieces: readonly string[], needles: readonly string[]): { text: string; found?: string } {
  const searcher = new TextSearch(needles);
  let text = "";
  for (const piece of pieces) {
    const passed = searcher.push(piece);
    text += passed.text;
    if (passed.found !== undefined) return { text, found: passed.found };
  }
  return { text: text + searcher.rest() };
}

describe("a search in a stream", () => {
  it.each([
    [["abcd"], ["abcd", "bc"], { text: "a", found: "bc" }],
    [["abc"], ["bc", "abc"], { text: "", found: "abc" }],
    [["aaaab"], ["aab"], { text: "aa", found: "aab" }],
    [["abab", "abc"], ["ababc"], { text: "ab", found: "ababc" }],
    [["a😀"], ["😀"], { text: "a", found: "😀" }],
    [["abc"], [""], { text: "abc" }],
  ])("of %j finds of %j what is whole first", (pieces, needles, expected) => {
    expect(search(pieces, needles)).toEqual(expected);
  });

  it("finds the same however the text is cut", () => {
    const short = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(short), fc.array(short, { minLength: 1, maxLength: 4 }), (pieces, needles) => {
        const text = pieces.join("");
        const ends = needles.map((needle) => ({ needle, end: text.indexOf(needle) + needle.length }));
        const [first] = ends
          .filter(({ needle }) => text.includes(needle))
          .toSorted((a, b) => a.end - b.end || b.needle.length - a.needle.length);
        const expected =
          first === undefined
            ? { text }
            : { text: text.slice(0, first.end - first.needle.length), found: first.needle };
        expect(search(pieces, needles)).toEqual(expected);
        expect(search([...text], needles)).toEqual(expected);
      }),
    );
  });

  it("holds nothing back that cannot become one", () => {
    const searcher = new TextSearch(["aab", "b!"]);
    expect(searcher.push("xa")).toEqual({ text: "x" });
    expect(searcher.push("a")).toEqual({ text: "" });
    expect(searcher.push("a")).toEqual({ text: "a" });
    expect(searcher.push("x")).toEqual({ text: "aax" });
  });

  it("looks at each character a few times, however long what it looks for is", () => {
    const needle = `${"a".repeat(100_000)}b`;
    const text = "a".repeat(200_000);
    const searcher = new TextSearch([needle, `${needle}c`]);
    const looks = vi.spyOn(String.prototype, "charCodeAt");
    const ends = vi.spyOn(String.prototype, "endsWith");
    searcher.push(text);
    searcher.push("x");
    const steps = looks.mock.calls.length + ends.mock.calls.length;
    vi.restoreAllMocks();
    expect(steps).toBeLessThan(10 * text.length);
    expect(searcher.rest()).toBe("");
  });
});
