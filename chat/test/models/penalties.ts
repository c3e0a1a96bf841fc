import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GenerateOptions, GenerateRequest, Model } from "../../src/models/model.ts";
import { read, textOf } from "./contract.ts";
import { SAYS } from "./llama/tiny-model.ts";

/** A model that may say {@link SAYS} again and again. */
export interface RepeatingModel {
  /**
   * Makes the model.
   *
   * @param again its logit for beginning anew behind the last word; that for its end is 12.
   */
  open(again: number): Promise<Model>;
  /** Frees what `open` took besides the models. */
  cleanUp(): void;
  /** Whether an answer that was left to chance goes on elsewhere as it would have. */
  readonly keepsChance: boolean;
}

const LOAD_MS = 90_000;

/** More than three times what the model says. */
const MANY = 200;

/** What a model must do where a request punishes, or rewards, what was said already. */
export function describePenalties(name: string, subject: RepeatingModel): void {
  /** Says its text for ever, and only once. */
  let endless: Model;
  let brief: Model;

  const ask = (model: Model, options: GenerateOptions = {}, more: Partial<GenerateRequest> = {}) =>
    read(model, { prompt: "hello", ...more, options: { temperature: 0, maxTokens: MANY, ...options } });
  const rounds = (text: string) => text.split("Each").length - 1;

  describe(`${name}, asked not to repeat itself,`, () => {
    beforeAll(async () => {
      endless = await subject.open(13);
      brief = await subject.open(11);
    }, LOAD_MS);

    afterAll(async () => {
      await endless?.close?.();
      await brief?.close?.();
      subject.cleanUp();
    });

    it("says nothing else where it is asked for nothing of that", async () => {
      const { text, finish } = await ask(endless);
      expect(rounds(text)).toBeGreaterThan(3);
      expect(finish.reason).toBe("length");
      expect((await ask(endless, { frequencyPenalty: 0, presencePenalty: 0 })).text).toBe(text);
      expect((await ask(brief)).text).toBe(SAYS);
    });

    it("says it once where a word that was said is less likely, and for ever where it is likelier", async () => {
      const once = await ask(endless, { presencePenalty: 2 });
      expect(once.text).toBe(SAYS);
      expect(once.finish.reason).toBe("stop");
      expect((await ask(endless, { presencePenalty: 0.9 })).finish.reason).toBe("length");
      const ever = await ask(brief, { presencePenalty: -2 });
      expect(rounds(ever.text)).toBeGreaterThan(3);
      expect((await ask(brief, { presencePenalty: -0.9 })).text).toBe(SAYS);
      expect(rounds((await ask(brief, { frequencyPenalty: -2 })).text)).toBeGreaterThan(3);
    });

    it("says it as often as each time makes it less likely, whatever the seed", async () => {
      const texts = new Map<number, string>();
      for (const seed of [1, 2]) {
        const { text, finish } = await ask(endless, { frequencyPenalty: 0.4, seed });
        expect(rounds(text)).toBe(3);
        expect(finish.reason).toBe("stop");
        texts.set(seed, text);
      }
      expect(texts.get(1)).toBe(texts.get(2));
      // 0.8 for what was said twice, and 0.3 for what was said at all.
      const both = await ask(endless, { frequencyPenalty: 0.4, presencePenalty: 0.3 });
      expect(rounds(both.text)).toBe(2);
    });

    it("counts what was emitted too, and none of what it was asked", async () => {
      const options = { frequencyPenalty: 0.4 };
      const whole = await ask(endless, options);
      for (const from of [1, 30, 60, 110, whole.pieces.length - 1]) {
        const emitted = whole.pieces.slice(0, from);
        const rest = await ask(endless, options, { emitted });
        expect(textOf(emitted) + rest.text).toBe(whole.text);
        expect(rest.finish).toEqual(whole.finish);
      }
      const messages = [{ role: "assistant", content: `${SAYS} ${SAYS} ${SAYS}` }] as const;
      expect((await ask(endless, options, { prompt: SAYS, messages })).text).toBe(whole.text);
    });

    it("gives each of two answers at once its own count", async () => {
      const [once, thrice] = await Promise.all([
        ask(endless, { presencePenalty: 2 }),
        ask(endless, { frequencyPenalty: 0.4 }),
      ]);
      expect([rounds(once.text), rounds(thrice.text)]).toEqual([1, 3]);
    });

    it("says the same with the same seed where something is left to chance", async () => {
      const options = { temperature: 1, seed: 17, frequencyPenalty: 0.4, presencePenalty: 0.2 };
      const whole = await ask(endless, options);
      expect((await ask(endless, options)).text).toBe(whole.text);
      // Not skipped: what a model does not keep it does not promise.
      for (const from of subject.keepsChance ? [1, 40, whole.pieces.length - 1] : []) {
        const emitted = whole.pieces.slice(0, from);
        expect(textOf(emitted) + (await ask(endless, options, { emitted })).text).toBe(whole.text);
      }
    });
  });
}
