import fc from "fast-check";
import { type ComponentType, createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { Block, type BlockProps, Streamdown } from "streamdown";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { cutLongBlock, LONG } from "../src/markdown/long-block.ts";
import { AnswerBlock } from "../src/thread/answer-block.tsx";
import { COMPONENTS } from "../src/thread/markdown-parts.tsx";

/** Short, so that short texts are cut. */
const LONGEST = 60;

const Cut: ComponentType<BlockProps> = (props) => createElement(AnswerBlock, { ...props, longest: LONGEST });

function render(text: string, BlockComponent: ComponentType<BlockProps>): string {
  return renderToStaticMarkup(
    createElement(Streamdown, { components: COMPONENTS, rehypePlugins: [], BlockComponent }, text),
  );
}

/** What a reader sees of it: whether the words of an item stand in a paragraph of their own makes no difference. */
function seen(html: string): string {
  return html
    .replaceAll(/(<li[^>]*>(?:<input[^>]*>)?)\s*<p>/g, "$1")
    .replaceAll("</p>", "")
    .replaceAll(/<\/tbody>\s*<tbody>/g, "")
    .replaceAll(/ class="(?:contains-task-list|task-list-item)"/g, "")
    .replaceAll(/\s+/g, " ")
    .replaceAll(
      / ?(<\/?(?:table|thead|tbody|tr|t[hd]|[uo]l|li|p|h\d|section|figure|blockquote)\b[^>]*>) ?/g,
      "$1",
    );
}

function expectSame(text: string): void {
  const long = cutLongBlock(text, LONGEST);
  if (long !== undefined) expect([long.head, ...long.pieces, long.end].join("")).toBe(text);
  expect(seen(render(text, Cut)), JSON.stringify(text)).toBe(seen(render(text, Block)));
}

/** Texts of some of these, with one of those behind each, and their beginnings. */
function textsOf(pieces: readonly string[], ends: readonly string[], head = ""): fc.Arbitrary<string> {
  const part = fc.tuple(fc.constantFrom(...pieces), fc.constantFrom(...ends)).map((both) => both.join(""));
  return fc
    .tuple(fc.array(part, { minLength: 3, maxLength: 30 }), fc.nat(5))
    .map(([parts, less]) => head + parts.join("").slice(0, less === 0 ? undefined : -less));
}

const WORDS = [
  "some words",
  "A sentence. Another one!",
  "**strong**",
  "*it*",
  "_it_",
  "snake_case_name",
  "`code`",
  "``a ` b``",
  "~~gone~~",
  "[a link](https://example.com/a_b)",
  '[one](docs "with a title")',
  "![image](docs)",
  "<https://example.com>",
  "<b>html</b>",
  "https://example.com/path",
  "2 * 3 < 4",
  "a*b*c",
  "don’t 世界。你好",
  "*",
  "**",
  "`",
  "~5",
  "[",
  "](",
  "_",
  "\\*",
  "&amp;",
  "😀",
];

const SHAPES: Record<string, fc.Arbitrary<string>> = {
  paragraphs: textsOf(WORDS, [" ", "\n", " ", " ", "", "  \n", "\\\n"], "Words first. "),
  tables: textsOf(
    [
      "| 1 | two |",
      "| **a** | `b|c` |",
      "three | 4",
      "| a \\| b |",
      "| [x](y) | ~z~ | too many |",
      "word",
      "|",
    ],
    ["\n", "\n", "\n", "\n\n", " "],
    "| head | `code` |\n|:--|--:|\n",
  ),
  "bad tables": textsOf(["| 1 | two |", "- item", "> quote", "# head"], ["\n"], "| head |\n|:--|--:|\n"),
  lists: textsOf(
    [
      "- an item",
      "- **two**\n  lines",
      "- [x] done",
      "  - within\n  - it",
      "- a\n\n  b",
      "- `x`",
      "goes on",
      "* other",
    ],
    ["\n", "\n", "\n", "\n\n"],
    "- first\n",
  ),
  "numbered lists": textsOf(
    [
      "4. an item",
      "9. two\n   lines",
      "10. x\n    ```\n    code\n    ```",
      "   - within",
      "1) other",
      "11. a\n\n    b",
    ],
    ["\n", "\n", "\n", "\n\n"],
    "7. first\n",
  ),
  code: textsOf(["const a = 1;", "  **no**", "", "[^x]", "``", "    deep"], ["\n"], "```ts\n").map(
    (text) => `${text}\n\`\`\``,
  ),
  "open code": textsOf(["const a = 1;", "  **no**", "", "``", "~~~"], ["\n"], "~~~~ts\n"),
  anything: textsOf(
    [
      "# head",
      "- item",
      "1. one",
      "| a | b |",
      "|---|---|",
      "> quote",
      "```",
      "words and words",
      "---",
      "    deep",
    ],
    ["\n", "\n", "\n\n"],
  ),
};

describe("a long block", () => {
  beforeAll(() => vi.stubGlobal("location", { href: "https://chat.example/" }));
  afterAll(() => vi.unstubAllGlobals());

  it.each(Object.entries(SHAPES))("of %s is cut so that a reader sees no difference", (_shape, texts) => {
    fc.assert(fc.property(texts, expectSame), { numRuns: 60 });
  });

  it.each([
    ["table", "| a | b |\n|---|---|\n", "| **1** | two words |\n"],
    ["list", "", "- an item of some words\n"],
    ["list", "", "3. an item of some words\n   1. and one within\n\n"],
    ["paragraph", "", "This sentence has **strong** words and `code`. "],
    ["paragraph", "", "A line as in a poem\n"],
    ["paragraph", "", "一个没有空格的句子。"],
  ])("which is a %s has short pieces", (kind, head, part) => {
    const text = head + part.repeat(2000);
    const long = cutLongBlock(text);
    expect(long?.kind).toBe(kind);
    expect([long?.head, ...(long?.pieces ?? [])].join("")).toBe(text);
    for (const piece of long?.pieces ?? []) expect(piece.length).toBeLessThan(LONG);
  });

  it("goes on with the same pieces while it grows, but for the last two", () => {
    for (const part of ["- an item with *some* words\n", "A sentence with *some* words. "]) {
      let before: readonly string[] = [];
      for (let length = LONG + 1; length < 4 * LONG; length += 7) {
        const pieces = cutLongBlock(part.repeat(1000).slice(0, length))?.pieces ?? [];
        expect(pieces.slice(0, Math.max(before.length - 2, 0))).toEqual(before.slice(0, -2));
        before = pieces;
      }
    }
  });

  it("is cut at last where emphasis begins and never ends", () => {
    const text = `*A note. ${"Words without an end. ".repeat(4000)}`;
    const pieces = cutLongBlock(text)?.pieces ?? [];
    expect(pieces.join("")).toBe(text);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(5 * LONG);
  });
});
