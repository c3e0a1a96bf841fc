import { readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { read, repository } from "./pages.ts";

/**
 * The words that CONTRIBUTING.md asks to leave out, at most, in all sources, pages and tests. Lower it when fewer are
 * left.
 */
const MOST = 60;

/** They name the words. */
const RULE = ["CONTRIBUTING.md", "server/test/docs/words.test.ts"];
/** Files whose words count, and folders that a build, a package or a test makes. */
const TEXT = /^Dockerfile$|\.(?:ts|tsx|mjs|cjs|js|py|md|css|html|yaml|service|socket)$/;
const NOT_OURS = /^(?:\..*|node_modules|dist|results|coverage)$/;

/** Where a sentence goes on in the next line: behind the mark of a comment, if there is one. */
const LINE_BREAK = /\s*\n[ \t]*(?:\/\/|#|\*(?!\/))?[ \t]*/g;
/** `there is no such file` is plain English, and so are `is no longer` and the like. `None` is Python's. */
const WORDS =
  /\b(?:[Ww]hoever|[Nn]obody|[Ss]omebody|[Ss]o many|(?:is|are|was|were) none|(?<!\b[Tt]here )(?:is|are|was|were) no(?! longer\b| more\b| one\b))\b/g;

/** The words in a text, each with what stands around it. */
function wordsIn(text: string): string[] {
  const sentences = text.replace(LINE_BREAK, " ");
  return [...sentences.matchAll(WORDS)].map(({ index, 0: word }) =>
    sentences.slice(Math.max(0, index - 40), index + word.length + 20),
  );
}

/** Every text of the repository below a folder, by its path from the root. */
function textsIn(folder: string): string[] {
  return readdirSync(path.join(repository, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return NOT_OURS.test(entry.name) ? [] : textsIn(file);
    return TEXT.test(entry.name) && !RULE.includes(file) ? [file] : [];
  });
}

describe("words that do not say who or what is meant", () => {
  test("do not become more", () => {
    const found = textsIn(".").flatMap((file) => wordsIn(read(file)).map((word) => `${file}: …${word}…`));
    expect(found.length, `${found.join("\n")}\n`).toBeLessThanOrEqual(MOST);
  });

  test.each([
    "gives it to whoever asks",
    "Nobody reads it",
    "so many of them",
    "text that is no JSON",
    "A refusal is none",
    "undefined where there is none",
    "/**\n * A text that is\n * no JSON. */",
    "  // the file that\n  // somebody removed",
  ])("are found: %j", (text) => {
    expect(wordsIn(text)).toHaveLength(1);
  });

  test.each([
    "there is no such file",
    "There are no workers",
    "it is no longer there",
    "is None",
    "is not JSON",
    "if (is /* no */ x)",
  ])("are not found in %j", (text) => {
    expect(wordsIn(text)).toEqual([]);
  });
});
