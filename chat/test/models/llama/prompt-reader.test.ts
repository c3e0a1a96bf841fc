import { setImmediate as turn } from "node:timers/promises";
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

const AT_ONCE = { turn: async () => {}, begun: async () => {} };

const prompt = Array.from({ length: 1000 }, (_, at) => at);

it("reads what the sequence does not know, all of it and nothing twice", async () => {
  for (const known of [0, 1, 600, 999, 1000, 5000]) {
    const read: Token[] = [];
    const sequence = sequenceWith(known, (tokens) => read.push(...tokens));
    const tokens = new PromptReader(sequence, 512, 0, AT_ONCE).read(
      prompt,
      {},
      1,
      new AbortController().signal,
    );
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
  const tokens = new PromptReader(sequence, 512, 0, AT_ONCE).read(prompt, {}, 1, controller.signal);
  expect((await tokens.next()).done).toBe(true);
  expect(steps).toHaveLength(2);
  expect(Math.max(...steps)).toBeLessThan(prompt.length / 2);
});

/** A model whose tokens the test computes, one after the other. */
function playedModel() {
  const asked: ((token: Token | Error) => void)[] = [];
  let begin = () => {};
  const turns = {
    turn: async () => {},
    begun: () =>
      new Promise<void>((resolve) => {
        begin = resolve;
      }),
  };
  const sequence: Sequence = {
    ...sequenceWith(0, () => {}),
    async *evaluate() {
      for (;;) {
        yield await new Promise<Token>((resolve, reject) => {
          asked.push((token) => (token instanceof Error ? reject(token) : resolve(token)));
        });
      }
    },
  };
  const reader = new PromptReader(sequence, 512, 0, turns);
  return {
    read: (most: number, signal = new AbortController().signal, said?: Token[]) =>
      reader.read([1, 2], {}, most, signal, said),
    begin: () => begin(),
    asked,
  };
}

/** What becomes of a promise in this turn of the event loop. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  const later = turn("later");
  return Promise.race([promise, later]);
}

it("gives a token out when the next one is being computed, but the first one at once", async () => {
  const { read, asked, begin } = playedModel();
  const tokens = read(3);
  const first = tokens.next();
  await turn();
  asked[0]?.(10);
  expect(await first).toEqual({ done: false, value: 10 });
  await turn();
  expect(asked).toHaveLength(1);

  const second = tokens.next();
  await turn();
  asked[1]?.(11);
  expect(await stateOf(second)).toBe("later");
  expect(asked).toHaveLength(3);
  begin();
  expect(await second).toEqual({ done: false, value: 11 });

  const third = tokens.next();
  asked[2]?.(12);
  expect(await third).toEqual({ done: false, value: 12 });
  expect((await tokens.next()).done).toBe(true);
  expect(asked).toHaveLength(3);
});

/** Takes the first token, and has the second one chosen: what is computed then is the third. */
async function chooseTwo(
  tokens: AsyncGenerator<Token>,
  asked: readonly ((token: Token) => void)[],
): Promise<{ second: Promise<IteratorResult<Token>> }> {
  const first = tokens.next();
  await turn();
  asked[0]?.(10);
  await first;
  const second = tokens.next();
  await turn();
  asked[1]?.(11);
  await turn();
  return { second };
}

it("has said a token before the next one is computed, since that may depend on it", async () => {
  const { read, asked, begin } = playedModel();
  const said: Token[] = [1];
  const tokens = read(3, undefined, said);
  const first = tokens.next();
  await turn();
  expect(said).toEqual([1]);
  asked[0]?.(10);
  await first;
  const second = tokens.next();
  await turn();
  asked[1]?.(11);
  await turn();
  expect(asked).toHaveLength(3);
  expect(said).toEqual([1, 10, 11]);
  begin();
  await second;
  asked[2]?.(12);
  await tokens.next();
  await tokens.next();
  expect(said).toEqual([1, 10, 11, 12]);
});

it("gives a token out although the next one cannot be computed", async () => {
  const { read, asked } = playedModel();
  const tokens = read(9);
  const { second } = await chooseTwo(tokens, asked);
  asked[2]?.(new Error("no memory"));
  expect(await second).toEqual({ done: false, value: 11 });
  await expect(tokens.next()).rejects.toThrow("no memory");
});

it("is over for a reader that leaves only when no token is computed any more", async () => {
  const controller = new AbortController();
  const { read, asked, begin } = playedModel();
  const tokens = read(9, controller.signal);
  const { second } = await chooseTwo(tokens, asked);
  begin();
  await second;

  controller.abort();
  const over = tokens.return();
  expect(await stateOf(over)).toBe("later");
  asked[2]?.(12);
  expect((await over).done).toBe(true);
  expect(asked).toHaveLength(3);
});
