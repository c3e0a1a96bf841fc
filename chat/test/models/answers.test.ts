import { describe, expect, it } from "vitest";
import { expectWithin } from "../../../server/test/promised-time.ts";
import { answerTo } from "../../src/models/answers.ts";

const GREETING = answerTo("hello");
const EXPLANATION = answerTo("explain");
const STREAMING = answerTo("streaming");
const CODE = answerTo("code");
const DEFAULT = answerTo("what is the weather like?");

describe("the keyword table", () => {
  it("has a different answer in each row", () => {
    expect(new Set([GREETING, EXPLANATION, STREAMING, CODE, DEFAULT])).toHaveLength(5);
  });

  it("greets with the words that the seed shows", () => {
    expect(GREETING.join("")).toMatch(/^Hello! I'm a simulated AI assistant/);
  });

  it.each([
    ["hi", GREETING],
    ["Hey there", GREETING],
    ["HELLO", GREETING],
    ["well, hello!", GREETING],
    ["Please EXPLAIN dirty workers", EXPLANATION],
    ["how does streaming work?", STREAMING],
    ["show me some code.", CODE],
    ["", DEFAULT],
  ])("finds a keyword in any case and place: %j", (prompt, answer) => {
    expect(answerTo(prompt)).toBe(answer);
  });

  it.each([
    "this",
    "history",
    "they",
    "explained",
    "stream",
    "codec",
    "decode",
    "hiérarchie",
    "hi_there",
    "hi5",
  ])("matches whole words only: %j has none", (prompt) => {
    expect(answerTo(prompt)).toBe(DEFAULT);
  });

  it.each([
    ["code, streaming, explain, hi", GREETING],
    ["code for streaming, and explain it", EXPLANATION],
    ["code for streaming", STREAMING],
  ])("takes the first row of the table, not the first word of the prompt: %j", (prompt, answer) => {
    expect(answerTo(prompt)).toBe(answer);
  });

  it.each(["What did I ask before?", "Do you REMEMBER?", "what was it earlier"])(
    "knows in each last row what was asked before: %j",
    (prompt) => {
      expect(answerTo(prompt).join("")).toContain("first question");
      const messages = [
        { role: "system", content: "be kind" },
        { role: "user", content: "What is a slot?" },
        { role: "assistant", content: "A lease." },
        { role: "user", content: "And\na queue?" },
        { role: "assistant", content: "A line." },
      ] as const;
      expect(answerTo(prompt, messages.slice(0, 3)).join("")).toMatch(
        /one question .*\n\n> What is a slot\?\n\n/,
      );
      expect(answerTo(prompt, messages).join("")).toMatch(/2 questions .*\n\n> And\n> a queue\?\n\n/);
      expect(answerTo(prompt, messages)).toEqual(answerTo(prompt, messages));
    },
  );

  it.each([
    ["hello, do you remember?", GREETING],
    ["explain what came before", EXPLANATION],
    ["earlier code", CODE],
    ["remembered beforehand", DEFAULT],
  ])("remembers only where no other row answers: %j", (prompt, answer) => {
    expect(answerTo(prompt, [{ role: "user", content: "x" }])).toBe(answer);
  });

  it("quotes the beginning of a long question, in whole characters", () => {
    const text = answerTo("before", [{ role: "user", content: "👍".repeat(50_000) }]).join("");
    expect(text).toContain(`> ${"👍".repeat(300)}…\n`);
    expect(text).not.toContain("👍".repeat(301));
    expect(answerTo("before", [{ role: "user", content: "" }]).join("")).toContain("\n\n> \n\n");
  });

  it("looks through a prompt of the greatest length in no time", async (context) => {
    await expectWithin(context, 200, async () => {
      const started = performance.now();
      expect(answerTo("hellocode ".repeat(10_000))).toBe(DEFAULT);
      return performance.now() - started;
    });
  });
});
