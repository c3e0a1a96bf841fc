import { expect, it } from "vitest";
import type { Sequence, Token } from "../../../src/models/llama/package.ts";
import { PromptReader } from "../../../src/models/llama/prompt-reader.ts";

/** A sequence that has read some tokens, and tells which it reads next. */
function sequenceWith(known: number, onRead: (tokens: readonly Token[]) => void): Sequence {
  let next = known;
  const read = (tokens: readonly Token[]) => {
    next += tokens.length;
    onRead(tokens);
  };
  return {
    get nextTokenIndex() {
      return next;
    },
    compareContextTokens: () => ({ firstDifferentIndex: next }),
    adaptStateToTokens: async (tokens) => {
      next = Math.min(next, tokens.length);
    },
    clearHistory: async () => {},
    async *evaluate(tokens) {
      read(tokens);
      yield 7;
    },
    evaluateWithoutGeneratingNewTokens: async (tokens) => read(tokens),
  };
}

const AT_ONCE = { turn: async () => {} };

const prompt = Array.from({ length: 1000 }, (_, at) => at);

it("reads what the sequence does not know, all of it and nothing twice", async () => {
  for (const known of [0, 1, 600, 999, 1000, 5000]) {
    const read: Token[] = [];
    const sequence = sequenceWith(known, (tokens) => read.push(...tokens));
    const tokens = new PromptReader(sequence, 512, 0, AT_ONCE).read(prompt, {}, new AbortController().signal);
    expect((await tokens.next()).value).toBe(7);
    // The last token is always read: what follows comes out of it.
    expect(read).toEqual(prompt.slice(Math.min(known, 999)));
  }
});

it("reads a long prompt in steps, and no more of them once the reader has left", async () => {
  const controller = new AbortController();
  const steps: number[] = [];
  const sequence = sequenceWith(0, (tokens) => {
    steps.push(tokens.length);
    if (steps.length === 2) controller.abort();
  });
  const tokens = new PromptReader(sequence, 512, 0, AT_ONCE).read(prompt, {}, controller.signal);
  expect((await tokens.next()).done).toBe(true);
  expect(steps).toHaveLength(2);
  expect(Math.max(...steps)).toBeLessThan(prompt.length / 2);
});
