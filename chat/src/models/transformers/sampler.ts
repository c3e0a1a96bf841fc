import type { Token } from "./package.ts";

/** How the next token is chosen. */
export interface Sampling {
  /** 0 leaves nothing to chance. */
  readonly temperature: number;
  /** Only the likeliest that have this share of all together. */
  readonly topP: number;
  /** How many of the likeliest are left; 0 is all of them, as far as chance would ever find one. */
  readonly topK: number;
  /** What comes off the logit of a token that was chosen already: for each time, and once. Default: nothing. */
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
}

/** More than chance ever looks at, and few enough to be sorted for each token. */
const MOST_CANDIDATES = 1000;

interface Candidate {
  readonly token: Token;
  readonly logit: number;
}

/** Chooses tokens: the likeliest, or by chance. */
export class Sampler {
  readonly #sampling: Sampling;
  readonly #random: () => number;
  /** How often each token was chosen; undefined where that makes none of them less likely. */
  readonly #counts: Map<Token, number> | undefined;

  /**
   * @param random a number from 0 to below 1; one is drawn for each token that is left to chance.
   * @param said the tokens that were chosen before, by another sampler.
   */
  constructor(sampling: Sampling, random: () => number, said: readonly Token[] = []) {
    this.#sampling = sampling;
    this.#random = random;
    if (!sampling.frequencyPenalty && !sampling.presencePenalty) return;
    this.#counts = new Map();
    for (const token of said) this.#count(token);
  }

  /**
   * Chooses one.
   *
   * @param logits how likely each token is, by its number.
   * @throws Error where none is, since the model's numbers went out of bounds.
   */
  choose(logits: ArrayLike<number>): Token {
    if (this.#counts === undefined) return this.#choose(logits);
    const token = this.#choose(this.#punished(logits, this.#counts));
    this.#count(token);
    return token;
  }

  #count(token: Token): void {
    this.#counts?.set(token, (this.#counts.get(token) ?? 0) + 1);
  }

  #punished(logits: ArrayLike<number>, counts: ReadonlyMap<Token, number>): ArrayLike<number> {
    const { frequencyPenalty = 0, presencePenalty = 0 } = this.#sampling;
    const punished = new Float32Array(logits);
    for (const [token, count] of counts)
      punished[token] = (punished[token] ?? 0) - count * frequencyPenalty - presencePenalty;
    return punished;
  }

  #choose(logits: ArrayLike<number>): Token {
    const { temperature, topP, topK } = this.#sampling;
    const most = topK > 0 ? Math.min(topK, MOST_CANDIDATES) : MOST_CANDIDATES;
    const candidates = likeliest(logits, temperature > 0 ? most : 1);
    const [first] = candidates;
    if (first === undefined) throw new Error("the model computed nothing that is a number");
    if (temperature <= 0) return first.token;
    const weights = candidates.map(({ logit }) => Math.exp((logit - first.logit) / temperature));
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    let kept = 0;
    let sum = 0;
    // The one that passes the share is in it too, so there is always one.
    while (kept < weights.length && (kept === 0 || sum < topP * all)) sum += weights[kept++] ?? 0;
    let left = this.#random() * sum;
    const at = weights.slice(0, kept).findIndex((weight) => {
      left -= weight;
      return left < 0;
    });
    return (candidates[at === -1 ? kept - 1 : at] ?? first).token;
  }
}

/** The likeliest tokens, the likeliest first. */
function likeliest(logits: ArrayLike<number>, count: number): Candidate[] {
  const found: Candidate[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token] ?? least;
    if (!(logit > least)) continue;
    // Where it belongs among those that are sorted already.
    let [low, high] = [0, found.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((found[middle]?.logit ?? logit) >= logit) low = middle + 1;
      else high = middle;
    }
    found.splice(low, 0, { token, logit });
    if (found.length > count) found.pop();
    if (found.length === count) least = found[count - 1]?.logit ?? least;
  }
  return found;
}
