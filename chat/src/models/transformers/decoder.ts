import type { LoadedTransformers } from "./loaded-model.ts";
import type { Cache, Tensor, Token } from "./package.ts";
import type { ReadTokens } from "./read-shelf.ts";

/** How long one computation over a prompt should take at most, since nothing ends it in its middle. */
const STEP_MS = 200;

const LEAST = 32;

// The library's own loop is over after one token, since it would neither wait for a reader nor end for one that left.
const ONE_TOKEN = {
  max_new_tokens: 1,
  do_sample: false,
  num_beams: 1,
  num_return_sequences: 1,
  guidance_scale: null,
  // They count from where an answer began, and would take each token for its first or last.
  min_new_tokens: null,
  begin_suppress_tokens: null,
  forced_bos_token_id: null,
  forced_eos_token_id: null,
} as const;

/**
 * Whether a model can read tokens behind others, several at once. What it keeps beside attention may be kept wrongly
 * then, so may all of it in graphs with a branch of their own for one token more; and one that keeps nothing reads all
 * of it each time.
 */
export function readsInSteps({ model }: LoadedTransformers): boolean {
  const inputs = model.sessions["model"]?.inputNames ?? [];
  const kept = inputs.filter((name) => name.startsWith("past"));
  return (
    kept.length > 0 &&
    kept.every((name) => name.startsWith("past_key_values.")) &&
    !inputs.includes("use_cache_branch")
  );
}

/** Reads tokens, and says how likely each is to come next. What it has read it keeps. */
export class Decoder {
  readonly #loaded: LoadedTransformers;
  readonly #cache: Cache;
  readonly #tokens: Token[];
  #size = LEAST * 4;
  /** How long the last computation took. */
  #took = 0;
  #reading: Promise<unknown> = Promise.resolve();

  /**
   * @param tokens what is to be read: one at least.
   * @param known what was read of their beginning; only for a model that can read in steps.
   */
  constructor(loaded: LoadedTransformers, tokens: readonly Token[], known?: ReadTokens) {
    this.#loaded = loaded;
    this.#cache = known?.cache ?? new loaded.library.DynamicCache();
    this.#tokens = [...tokens];
  }

  /** Adds a token, which is read with the next step. */
  push(token: Token): void {
    this.#tokens.push(token);
  }

  /**
   * Reads what was not read yet. A long prompt is read in steps, between which the process sees to all else. Only one
   * `read` may be in progress.
   *
   * @param signal ends it behind the step in progress.
   * @returns how likely each token is to come next, by its number.
   */
  read(signal: AbortSignal): Promise<ArrayLike<number>> {
    const reading = this.#read(signal);
    this.#reading = reading;
    return reading;
  }

  /** Ends it. @returns what was read and may be gone on with, once the step in progress is over. It never rejects. */
  async end(): Promise<ReadTokens> {
    await Promise.allSettled([this.#reading]);
    const known = readsInSteps(this.#loaded) ? this.#known : 0;
    return { tokens: this.#tokens.slice(0, known), cache: this.#cache };
  }

  get #known(): number {
    return this.#cache.get_seq_length();
  }

  async #read(signal: AbortSignal): Promise<ArrayLike<number>> {
    while (readsInSteps(this.#loaded) && this.#tokens.length - this.#known > this.#size) {
      await this.#step(this.#known + this.#size, signal);
      if (this.#took > STEP_MS) this.#size = Math.max(LEAST, Math.floor(this.#size / 2));
      else if (this.#took < STEP_MS / 2) this.#size *= 2;
    }
    return this.#step(this.#tokens.length, signal);
  }

  #step(end: number, signal: AbortSignal): Promise<ArrayLike<number>> {
    return this.#loaded.turns.take(async () => {
      signal.throwIfAborted();
      const began = performance.now();
      const likely = await this.#compute(end);
      this.#took = performance.now() - began;
      return likely;
    });
  }

  async #compute(end: number): Promise<ArrayLike<number>> {
    const { library, model } = this.#loaded;
    const tensor = (numbers: BigInt64Array): Tensor => new library.Tensor("int64", numbers, [1, end]);
    let likely: ArrayLike<number | bigint> = [];
    await model.generate({
      ...ONE_TOKEN,
      input_ids: tensor(BigInt64Array.from(this.#tokens.slice(0, end), BigInt)),
      attention_mask: tensor(new BigInt64Array(end).fill(1n)),
      past_key_values: this.#cache,
      logits_processor: [
        (_, logits) => {
          likely = logits.data;
          return logits;
        },
      ],
    });
    // The library's own copy already, of perhaps 150 thousand numbers for each token.
    return likely instanceof Float32Array ? likely : Float32Array.from(likely, Number);
  }
}
