import fc from "fast-check";
import { parseMarkdownIntoBlocks } from "streamdown";
import { describe, expect, it } from "vitest";
import { createBlockSplitter, MAX_WHOLE } from "../src/markdown/block-splitter.ts";

/** What the original makes of a text when it remembers nothing: an empty text takes its memory away. */
function fromScratch(text: string): string[] {
  parseMarkdownIntoBlocks("");
  return parseMarkdownIntoBlocks(text);
}

const PIECES = [
  "A paragraph, with **strong** words.",
  "two\nlines",
  "# Heading",
  "- item",
  "  - nested",
  "* star\n\n  its second paragraph",
  "1. one\n2. two",
  "- first\n- second\n- third\n- fourth\n- fifth\n- sixth\n- seventh\n- eighth",
  "1. first\n\n   more\n2. second\n3. third\n   - within\n4. fourth\n5. fifth\n6. sixth\n7. seventh",
  "> quoted",
  "```ts\nconst a = 1;\n\nconst b = 2;\n```",
  "```",
  "~~~",
  "    indented code",
  "| a | b |\n|---|---|\n| 1 | 2 |",
  "<div>",
  "</div>",
  "<b>html</b>",
  "$$",
  "$$x^2$$",
  "---",
  "===",
  "**",
  "`",
  "[link](https://example.com)",
  "[name]: https://example.com",
  "a note[^1]",
  "\n",
  "\n\n",
  " ",
  "",
];
const markdown = fc
  .array(fc.tuple(fc.constantFrom(...PIECES), fc.constantFrom("\n", "\n\n", "\n\n", " ", "")), {
    maxLength: 14,
  })
  .map((parts) => parts.flat().join(""));

describe("splitting Markdown into blocks while it grows", () => {
  it("gives what the original gives, after every token of any text", () => {
    fc.assert(
      fc.property(markdown, fc.integer({ min: 1, max: 12 }), (text, step) => {
        const split = createBlockSplitter(undefined, 30);
        for (let length = 0; length <= text.length + step - 1; length += step) {
          const part = text.slice(0, length);
          expect(split(part), JSON.stringify(part)).toEqual(fromScratch(part));
        }
      }),
      { numRuns: 1500 },
    );
  });

  it("gives what the original gives when the end is closed by a guess, or another text comes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(markdown, fc.nat(200), fc.constantFrom("", "**", "`", "\n```")), { maxLength: 6 }),
        (parts) => {
          const split = createBlockSplitter(undefined, 30);
          for (const [text, cut, end] of parts) {
            const part = text.slice(0, cut) + end;
            expect(split(part), JSON.stringify(part)).toEqual(fromScratch(part));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("reads only the end again, and keeps the blocks before it as they are", () => {
    let read = 0;
    const split = createBlockSplitter((text) => {
      read += text.length;
      return fromScratch(text);
    });
    let text = "";
    for (let index = 0; index < 500; index++) {
      text += `Paragraph ${index} with **some** words.\n\n`;
      split(text);
    }
    expect(read).toBeLessThan(10 * text.length);
    expect(split(text)).toHaveLength(500);
  });

  it("reads a long list again from one of its last items on", () => {
    let read = 0;
    const split = createBlockSplitter((text) => {
      read += text.length;
      return fromScratch(text);
    });
    let text = "";
    for (let index = 0; index < 3000; index++) {
      text += `- item ${index} with **some** words\n`;
      if (index % 50 === 0) split(text);
    }
    expect(split(text)).toEqual([text]);
    expect(read).toBeLessThan(10 * text.length);
  });

  it("never makes one block of a long text, even where footnotes would want it", () => {
    const split = createBlockSplitter();
    const note = "A sentence with a note[^1] in it.\n\n```\na\n\nb\n```\n\n";
    expect(split(note)).toHaveLength(1);
    const long = note.repeat(Math.ceil(MAX_WHOLE / note.length) + 1);
    const blocks = split(long);
    expect(blocks.join("")).toBe(long);
    expect(Math.max(...blocks.map((block) => block.length))).toBeLessThan(100);
    expect(blocks).toContain("```\na\n\nb\n```\n\n");
  });
});
