import { getEventListeners } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectWithin } from "../../../server/test/promised-time.ts";
import type { Finish, GenerateOptions, GenerateRequest, Model, Piece } from "../../src/models/model.ts";

/** A model, and what a test must know of it. */
export interface ModelUnderTest {
  /** Makes the model. */
  open(): Promise<Model> | Model;
  /** Frees what `open` took besides the model itself. */
  cleanUp?(): Promise<void> | void;
  /** What to ask. */
  readonly prompt: string;
  /** The whole answer to it, with temperature 0: of at least 20 pieces. */
  readonly answer: string;
  /** Something from the middle of the answer, which is in more than one of its pieces. */
  readonly within: string;
  /** Answers that it makes at once. */
  readonly concurrency: number;
  /** Whether chance has a part in its answers where the temperature is above 0. */
  readonly draws: boolean;
  /** Whether it embeds texts. Default: it does not. */
  readonly embeds?: boolean;
  /** The least number of tokens that it counts in a prompt of one word. Default: 1. */
  readonly leastPromptTokens?: number;
}

/** An answer that was read to its end. */
export interface Answer {
  readonly pieces: Piece[];
  readonly text: string;
  readonly finish: Finish;
}

/** A deadline that only a fault exceeds; what the contract demands of time is checked on its own. */
const STOPPED_WITHIN_MS = 100;

/** Loading a model may take long where the machine is busy. */
const LOAD_MS = 90_000;

/** Asks a model and reads all that it says. */
export async function read(
  model: Model,
  request: Partial<GenerateRequest>,
  signal: AbortSignal = new AbortController().signal,
): Promise<Answer> {
  const pieces: Piece[] = [];
  const stream = model.stream({ prompt: "", messages: [], thinking: false, emitted: [], ...request }, signal);
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return { pieces, text: textOf(pieces), finish: value };
    pieces.push(value);
  }
}

/** The text of an answer, without its thoughts. */
export function textOf(pieces: readonly Piece[]): string {
  return pieces.filter((piece) => typeof piece === "string").join("");
}

/** What each model must do, whatever it is. */
export function describeModel(name: string, subject: ModelUnderTest): void {
  const { prompt, answer, within, concurrency, draws, embeds = false, leastPromptTokens = 1 } = subject;
  let model: Model;

  const ask = (options: GenerateOptions = {}, more: Partial<GenerateRequest> = {}) =>
    read(model, { prompt, options: { temperature: 0, ...options }, ...more });
  const begin = (signal: AbortSignal) =>
    model.stream({ prompt, messages: [], thinking: false, emitted: [], options: { temperature: 0 } }, signal);

  describe(`${name}, as every model,`, () => {
    beforeAll(async () => {
      model = await subject.open();
    }, LOAD_MS);

    afterAll(async () => {
      await model?.close?.();
      await subject.cleanUp?.();
    });

    it("says its answer piece by piece, and the pieces are the exact text", async () => {
      const { pieces, text } = await ask();
      expect(text).toBe(answer);
      expect(pieces.length).toBeGreaterThanOrEqual(20);
      expect(pieces).not.toContain("");
    });

    it("says why it ended, and counts what it read and wrote", async () => {
      const { finish } = await ask();
      expect(finish.reason).toBe("stop");
      expect(finish.promptTokens).toBeGreaterThanOrEqual(leastPromptTokens);
      expect(finish.completionTokens).toBeGreaterThanOrEqual(20);
    });

    it.each([1, 7])("says %i tokens where it may say no more", async (maxTokens) => {
      const { text, finish } = await ask({ maxTokens });
      expect(finish).toMatchObject({ reason: "length", completionTokens: maxTokens });
      expect(text.length).toBeGreaterThan(0);
      expect(text.length).toBeLessThan(answer.length);
      expect(answer.startsWith(text)).toBe(true);
    });

    it("ends before a stop text, also where that begins in one piece and ends in another", async () => {
      const { text, finish } = await ask({ stop: ["this is said nowhere", within] });
      expect(text).toBe(answer.slice(0, answer.indexOf(within)));
      expect(finish.reason).toBe("stop");
    });

    it("says all of its answer where no stop text comes, also what might have become one", async () => {
      const { text } = await ask({ stop: [`${within}, but never this`, `${answer.slice(-2)}…`] });
      expect(text).toBe(answer);
    });

    it("says the same with the same seed, and leaves nothing to chance at temperature 0", async () => {
      const seeded = { temperature: 1, seed: 17 };
      const [first, second] = [await ask(seeded), await ask(seeded)];
      expect(second.text).toBe(first.text);
      expect((await ask({ seed: 1 })).text).toBe((await ask({ seed: 2 })).text);
    });

    // Not skipped: there is nothing to test in a model that always says the same.
    if (draws) {
      it("says other things with other seeds, and without one", async () => {
        const seeds = [1, 2, 3, 4, 5, 6];
        const texts = await all(seeds.map((seed) => () => ask({ temperature: 1, seed })));
        expect(new Set(texts.map(({ text }) => text)).size).toBeGreaterThan(1);
        const unseeded = await all(seeds.map(() => () => ask({ temperature: 1 })));
        expect(new Set(unseeded.map(({ text }) => text)).size).toBeGreaterThan(1);
      });
    }

    it("reads what was said before", async () => {
      const messages = [
        { role: "system", content: "Answer in short words." },
        { role: "user", content: "What comes after three?" },
        { role: "assistant", content: "Four." },
      ] as const;
      const [alone, after] = [await ask(), await ask({}, { messages })];
      expect(after.text).toBe(answer);
      expect(after.finish.promptTokens).toBeGreaterThan(alone.finish.promptTokens);
    });

    it("goes on behind what was emitted, and repeats and leaves out nothing", async () => {
      const whole = await ask();
      for (const share of [0, 0.1, 0.5, 0.9, 1]) {
        const emitted = whole.pieces.slice(0, Math.max(1, Math.round(whole.pieces.length * share)));
        const { text, finish } = await ask({}, { emitted });
        expect(textOf(emitted) + text).toBe(answer);
        expect(finish).toEqual(whole.finish);
      }
    });

    it("counts what was emitted too, where it may not say more than so much", async () => {
      const { pieces } = await ask();
      const { text, finish } = await ask({ maxTokens: 9 }, { emitted: pieces.slice(0, 4) });
      expect(textOf(pieces.slice(0, 4)) + text).toBe((await ask({ maxTokens: 9 })).text);
      expect(finish).toMatchObject({ reason: "length", completionTokens: 9 });
    });

    it("says nothing more within 100 ms of an abort, and does not end as if it were whole", async (context) => {
      await expectWithin(context, STOPPED_WITHIN_MS, async () => {
        const controller = new AbortController();
        const reason = new Error("the reader left");
        const stream = begin(controller.signal);
        for (let pieces = 0; pieces < 3; pieces++) expect((await stream.next()).done).toBe(false);
        const next = stream.next();
        const aborted = performance.now();
        controller.abort(reason);
        // One that was under way may still come, and none after it.
        const caught = await next.then(() => stream.next()).catch((error: unknown) => error);
        expect(caught).toBe(reason);
        const took = performance.now() - aborted;
        expect(getEventListeners(controller.signal, "abort")).toEqual([]);
        return took;
      });
    });

    it("does not begin where the reader has left already", async () => {
      const reason = new Error("the reader left");
      await expect(begin(AbortSignal.abort(reason)).next()).rejects.toBe(reason);
    });

    it("makes answers at once, and each reader gets its own", async () => {
      const answers = await Promise.all(
        Array.from({ length: concurrency }, (_, at) => ask({ maxTokens: 5 + at })),
      );
      answers.forEach(({ text, finish }, at) => {
        expect(answer.startsWith(text)).toBe(true);
        expect(finish.completionTokens).toBe(5 + at);
      });
    });

    it("loses nothing to readers that leave, by an abort or out of the loop", async () => {
      for (let round = 0; round < concurrency * 2 && round < 20; round++) {
        const controller = new AbortController();
        const stream = begin(controller.signal);
        await stream.next();
        if (round % 2 === 0) controller.abort();
        else await stream.return({ reason: "stop", promptTokens: 0, completionTokens: 0 });
        await stream.next().catch(() => {});
        expect(getEventListeners(controller.signal, "abort")).toEqual([]);
      }
      expect((await ask()).text).toBe(answer);
    });

    // Not skipped: what has no embeddings has no `embed`, and ModelApp says so.
    if (embeds) {
      it("embeds texts: a vector of length 1 for each, the same for the same text, also among others", async () => {
        const { signal } = new AbortController();
        const [first = [], second = [], again] =
          (await model.embed?.(["one", "two words", "one"], signal)) ?? [];
        expect(first.length).toBeGreaterThan(0);
        expect(second).toHaveLength(first.length);
        expect(again).toEqual(first);
        expect(Math.hypot(...second)).toBeCloseTo(1, 5);
        expect(cosine(first, second)).toBeLessThan(0.999);
        const others = await Promise.all(["two words", "one"].map((text) => model.embed?.([text], signal)));
        expect(others).toEqual([[second], [first]]);
        expect(getEventListeners(signal, "abort")).toEqual([]);
      });

      it("embeds nothing for a reader that has left, and for the next one all the same", async () => {
        const reason = new Error("the reader left");
        const controller = new AbortController();
        const left = model.embed?.(["one", "two", "three"], controller.signal);
        controller.abort(reason);
        await expect(left).rejects.toBe(reason);
        expect(await model.embed?.(["one"], new AbortController().signal)).toHaveLength(1);
        expect((await ask()).text).toBe(answer);
      });
    }

    it("refuses tools that it does not have, in words for the client, and goes on", async () => {
      const tools = [{ type: "function", function: { name: "look_up", parameters: {} } }];
      const refused = await ask({ tools }).catch((error: unknown) => error);
      if (refused instanceof Error) {
        expect(refused.name).toBe("UnsupportedRequestError");
        expect(refused.message).toMatch(/tools/);
      }
      const { finish } = await ask({ tools, toolChoice: "none", maxTokens: 1 });
      expect(finish.completionTokens).toBe(1);
      expect((await ask({ maxTokens: 1 })).finish.completionTokens).toBe(1);
    });
  });

  describe(`${name}, once closed,`, () => {
    it(
      "has freed what it took, so that it can be made again",
      async () => {
        for (let round = 0; round < 2; round++) {
          const made = await subject.open();
          const { text } = await read(made, { prompt, options: { temperature: 0, maxTokens: 3 } });
          expect(answer.startsWith(text)).toBe(true);
          await made.close?.();
        }
        await subject.cleanUp?.();
      },
      LOAD_MS,
    );
  });
}

function cosine(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
}

/** One after the other: a model makes only a few answers at once. */
async function all<T>(work: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  for (const next of work) results.push(await next());
  return results;
}
