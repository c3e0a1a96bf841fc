import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countTokens, isWord, tokenize } from "../../src/models/tokenize.ts";

describe("tokenize", () => {
  it("cuts the greeting as the seed shows", () => {
    expect(tokenize("Hello! I'm a simulated AI assistant")).toEqual([
      ..."Hello|!| |I'm| |a| |simulated| |AI| |assistant".split("|"),
    ]);
  });

  it.each([
    ["an inner hyphen stays in its word", "token-by-token", ["token-by-token"]],
    ["an outer apostrophe does not", "'quoted'", ["'", "quoted", "'"]],
    ["each punctuation mark is a token", '?!")', ["?", "!", '"', ")"]],
    ["a run of white space is one token", "a \n\n\tb", ["a", " \n\n\t", "b"]],
    [
      "accents, digits and other scripts are words",
      "Übergröße 42 слово",
      ["Übergröße", " ", "42", " ", "слово"],
    ],
    ["a combining mark stays with its letter", "e\u0301a", ["e\u0301a"]],
    ["a character outside the basic plane is not cut in two", "a😀b", ["a", "😀", "b"]],
    ["no text has no tokens", "", []],
  ])("%s", (_name, text, tokens) => {
    expect(tokenize(text)).toEqual(tokens);
  });

  it("loses and adds nothing: joined, the tokens are the text", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme" }),
      // Lone surrogates too.
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    );
    fc.assert(fc.property(text, (text) => tokenize(text).join("") === text));
  });

  it("makes every token a word, white space or a single other character", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "é", "7", "'", "-", "’", " ", "\n", ".", "[", "`", "_"),
    });
    fc.assert(
      fc.property(text, (text) =>
        tokenize(text).every((token) => isWord(token) || /^(\s+|[^\s\w])$/u.test(token)),
      ),
    );
  });
});

describe("countTokens", () => {
  it("counts the tokens of all texts", () => {
    expect(countTokens([])).toBe(0);
    expect(countTokens(["", "a b", "c!"])).toBe(5);
    expect(countTokens(["a ".repeat(50_000), "b ".repeat(50_000)])).toBe(200_000);
  });

  it("estimates those of more than are cut, and is not far off", () => {
    const texts = Array.from({ length: 10 }, () => "some words! ".repeat(20_000));
    expect(countTokens(texts)).toBeGreaterThan(999_000);
    expect(countTokens(texts)).toBeLessThan(1_001_000);
  });
});
