import { describe, expect, it } from "vitest";
import { splitBlocks, splitInline } from "../src/blocks.ts";

describe("splitting an answer into blocks", () => {
  it("shows plain text as one block of prose, its lines kept", () => {
    expect(splitBlocks("Hello!\n\nHow are you?")).toEqual([
      { kind: "prose", text: "Hello!\n\nHow are you?" },
    ]);
  });

  it("shows nothing for an answer that has not begun", () => {
    expect(splitBlocks("")).toEqual([]);
  });

  it("sets code between fences apart, with its language", () => {
    expect(splitBlocks("Look:\n\n```ts\nconst a = 1;\n\nf();\n```\nDone.")).toEqual([
      { kind: "prose", text: "Look:" },
      { kind: "code", text: "const a = 1;\n\nf();", language: "ts", open: false },
      { kind: "prose", text: "Done." },
    ]);
  });

  it("gathers the lines of a list, also while it is coming", () => {
    expect(splitBlocks("Two:\n\n- a **b**\n- c\n\nThen")).toEqual([
      { kind: "prose", text: "Two:" },
      { kind: "list", items: ["a **b**", "c"] },
      { kind: "prose", text: "Then" },
    ]);
    expect(splitBlocks("- a\n- ")).toEqual([{ kind: "list", items: ["a", ""] }]);
  });

  it("shows code as code while it is still coming", () => {
    expect(splitBlocks("```\nfirst\nsec")).toEqual([
      { kind: "code", text: "first\nsec", language: "", open: true },
    ]);
  });

  it("keeps a shorter fence inside a longer one", () => {
    expect(splitBlocks("````md\n```\nx\n```\n````")).toEqual([
      { kind: "code", text: "```\nx\n```", language: "md", open: false },
    ]);
  });

  it("shows a thinking answer's beginning apart, while it comes and after", () => {
    expect(splitBlocks("[thinking..")).toEqual([{ kind: "thinking", text: "thinking..", open: true }]);
    expect(splitBlocks("[thinking...]\n\nHello!")).toEqual([
      { kind: "thinking", text: "thinking...", open: false },
      { kind: "prose", text: "Hello!" },
    ]);
  });

  it("leaves brackets inside an answer alone", () => {
    expect(splitBlocks("see [thinking...]")).toEqual([{ kind: "prose", text: "see [thinking...]" }]);
  });
});

describe("splitting prose at its marks", () => {
  it("sets code, strong words and emphasis apart", () => {
    expect(splitInline("call `f(*a*)` **now** or *never*.")).toEqual([
      { tag: undefined, text: "call " },
      { tag: "code", text: "f(*a*)" },
      { tag: undefined, text: " " },
      { tag: "strong", text: "now" },
      { tag: undefined, text: " or " },
      { tag: "em", text: "never" },
      { tag: undefined, text: "." },
    ]);
  });

  it.each(["a lone ` backtick", "2 * 3 * 4", "``", "**", "an **unfinished"])("leaves %j as it is", (text) => {
    expect(splitInline(text)).toEqual([{ tag: undefined, text }]);
  });
});
