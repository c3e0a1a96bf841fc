import { describe, expect, it } from "vitest";
import { Sampler, type Sampling } from "../../../src/models/transformers/sampler.ts";

const ALL: Sampling = { temperature: 1, topP: 1, topK: 0 };

/** What is chosen of logits where chance comes to this. */
function chosen(logits: readonly number[], sampling: Partial<Sampling>, chance = 0): number {
  return new Sampler({ ...ALL, ...sampling }, () => chance).choose(logits);
}

/** All that chance may choose. */
function choices(logits: readonly number[], sampling: Partial<Sampling>): number[] {
  const chances = Array.from({ length: 1000 }, (_, at) => at / 1000);
  return [...new Set(chances.map((chance) => chosen(logits, sampling, chance)))].sort();
}

describe("the next token", () => {
  it("is the likeliest at temperature 0, the first of equals, and chance is not asked", () => {
    const sampler = new Sampler({ ...ALL, temperature: 0 }, () => {
      throw new Error("not asked");
    });
    expect(sampler.choose([1, 5, 5, 2])).toBe(1);
    expect(sampler.choose([-1, Number.NEGATIVE_INFINITY, -0.5])).toBe(2);
  });

  it("is as often chosen as it is likely", () => {
    const logits = [Math.log(1), Math.log(2), Math.log(7)];
    const counts = [0, 0, 0];
    for (let chance = 0; chance < 1; chance += 0.001) {
      const token = chosen(logits, {}, chance);
      counts[token] = (counts[token] ?? 0) + 1;
    }
    expect(counts.map((count) => Math.round(count / 100))).toEqual([1, 2, 7]);
  });

  it("is one of the likeliest where topK limits their number", () => {
    const logits = [3, 1, 2, 0, 2.5];
    expect(choices(logits, { topK: 2 })).toEqual([0, 4]);
    expect(choices(logits, { topK: 1 })).toEqual([0]);
    expect(choices(logits, {})).toEqual([0, 1, 2, 3, 4]);
  });

  it("is one of those that together have the share, and there is always one", () => {
    const logits = [5, 3, 1, 1].map(Math.log);
    expect(choices(logits, { topP: 0.5 })).toEqual([0]);
    expect(choices(logits, { topP: 0.6 })).toEqual([0, 1]);
    expect(choices(logits, { topP: 0 })).toEqual([0]);
  });

  it("is nearly always the likeliest where it is cold, and any where it is hot", () => {
    const logits = [2, 1, 0];
    expect(choices(logits, { temperature: 0.05 })).toEqual([0]);
    expect(choices(logits, { temperature: 50 })).toEqual([0, 1, 2]);
  });

  it("is there also where chance comes as near to 1 as it can", () => {
    expect(chosen([0.1, 0.2, 0.3], {}, 1 - Number.EPSILON / 2)).toBe(0);
  });

  it("is less likely for each time that it was chosen, and for having been chosen at all", () => {
    const said = (tokens: readonly number[], sampling: Partial<Sampling>) =>
      new Sampler({ ...ALL, temperature: 0, ...sampling }, () => 0, tokens);
    // Exactly: count * frequency + presence, off the logit.
    const punished = { frequencyPenalty: 0.5, presencePenalty: 0.25 };
    expect(said([0, 0, 0], punished).choose([1.74, 0])).toBe(1);
    expect(said([0, 0, 0], punished).choose([1.76, 0])).toBe(0);
    expect(said([], punished).choose([0.01, 0])).toBe(0);
    expect(said([1], { presencePenalty: -1 }).choose([0.99, 0])).toBe(1);
    expect(said([1], { frequencyPenalty: 0, presencePenalty: 0 }).choose([0.1, 0])).toBe(0);
    // What it chooses itself counts, also where that was very unlikely; what it is given stays as it was.
    const logits = [1.2, 1, -9];
    const sampler = said([], { frequencyPenalty: 0.5 });
    expect(Array.from({ length: 4 }, () => sampler.choose(logits))).toEqual([0, 1, 0, 1]);
    expect(logits).toEqual([1.2, 1, -9]);
  });

  it("cannot be chosen where the model computed no numbers", () => {
    expect(() => chosen([Number.NaN, Number.NaN], {})).toThrow("nothing that is a number");
    expect(chosen([Number.NaN, 3], { temperature: 0 })).toBe(1);
  });
});
