import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextSentences } from "../src/thread/sentences.ts";

describe("what a screen reader is told of an answer that streams", () => {
  it("says a sentence when it has ended, not before, and each once", () => {
    expect(nextSentences("Hello the", 0, false)).toEqual({ words: "", end: 0 });
    const first = nextSentences("Hello there. How are", 0, false);
    expect(first).toEqual({ words: "Hello there.", end: 12 });
    expect(nextSentences("Hello there. How are you? ", first.end, false).words).toBe("How are you?");
    expect(nextSentences("Version 1.5 is", 0, false).words).toBe("");
  });

  it("says the rest at the end of the answer", () => {
    expect(nextSentences("Done. And then", 5, true)).toEqual({ words: "And then", end: 14 });
    expect(nextSentences("Done.", 5, true)).toEqual({ words: "", end: 5 });
  });

  it("leaves the marks of Markdown out", () => {
    const text = "# Title\n\n- **one** `two`\n> [a link](https://example.com)!\n| a | b |\n|---|---|\n";
    expect(nextSentences(text, 0, true).words).toBe("Title one two a link! a  b");
  });

  it("names code instead of spelling it, also when it began earlier", () => {
    const text = "Look:\n```ts\nconst a = 1;\nfoo. \n```\nThat is all.";
    expect(nextSentences(text, 0, true).words).toBe("Look: Code block. That is all.");
    expect(nextSentences(text, text.indexOf("foo"), true).words).toBe("That is all.");
  });

  it("says the same words however the text is cut", () => {
    const text = "One. Two two! Three\nfour (five.) Six? **Seven.** Eight";
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
        let start = 0;
        const words: string[] = [];
        for (const cut of [...cuts.sort((a, b) => a - b), text.length]) {
          const spoken = nextSentences(text.slice(0, cut), start, cut === text.length);
          start = spoken.end;
          words.push(spoken.words);
        }
        expect(words.filter(Boolean).join(" ")).toBe("One. Two two! Three four (five.) Six? Seven. Eight");
      }),
    );
  });
});
