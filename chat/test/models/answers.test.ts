import { describe, expect, it } from "vitest";
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

  it("looks through a prompt of the greatest length in no time", () => {
    const started = performance.now();
    expect(answerTo("hellocode ".repeat(10_000))).toBe(DEFAULT);
    expect(performance.now() - started).toBeLessThan(200);
  });
});
