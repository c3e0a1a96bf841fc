import type { LoadedTransformers } from "./loaded-model.ts";
import type { Cache, Tensor, Token } from "./package.ts";

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

/** Reads tokens, and says how likely each is to come next. What it has read it keeps. */
export class Decoder {
  readonly #loaded: LoadedTransformers;
  readonly #cache: Cache;
  readonly #tokens: Token[];
  #size = LEAST * 4;

  /** @param tokens what is to be read: one at least. */
  constructor(loaded: LoadedTransformers, tokens: readonly Token[]) {
    this.#loaded = loaded;
    this.#cache = new loaded.library.DynamicCache();
    this.#tokens = [...tokens];
  }

  /** Adds a token, which is read with the next step. */
  push(token: Token): void {
    this.#tokens.push(token);
  }

  /**
   * Reads what was not read yet. A long prompt is read in steps, between which the process sees to all else.
   *
   * @param signal ends it behind the step in progress.
   * @returns how likely each token is to come next, by its number.
   */
  async read(signal: AbortSignal): Promise<ArrayLike<number>> {
    if (this.#readsInSteps) {
      for (let left = this.#left; left > this.#size; left = this.#left) {
        const began = performance.now();
        await this.#step(this.#tokens.length - left + this.#size);
        signal.throwIfAborted();
        const took = performance.now() - began;
        if (took > STEP_MS) this.#size = Math.max(LEAST, Math.floor(this.#size / 2));
        else if (took < STEP_MS / 2) this.#size *= 2;
      }
    }
    return this.#step(this.#tokens.length);
  }

  get #left(): number {
    return this.#tokens.length - this.#cache.get_seq_length();
  }

  // What models keep beside attention may be kept wrongly where several tokens are read behind others.
  get #readsInSteps(): boolean {
    const kept = this.#loaded.model.sessions["model"]?.inputNames.filter((name) => name.startsWith("past"));
    return kept !== undefined && kept.length > 0 && kept.every((name) => name.startsWith("past_key_values."));
  }

  async #step(end: number): Promise<ArrayLike<number>> {
    const { library, model } = this.#loaded;
    const tensor = (numbers: readonly number[]): Tensor =>
      new library.Tensor("int64", BigInt64Array.from(numbers, BigInt), [1, numbers.length]);
    const tokens = this.#tokens.slice(0, end);
    let likely: ArrayLike<number | bigint> = [];
    await model.generate({
      ...ONE_TOKEN,
      input_ids: tensor(tokens),
      attention_mask: tensor(tokens.map(() => 1)),
      past_key_values: this.#cache,
      logits_processor: [
        (_, logits) => {
          likely = logits.data;
          return logits;
        },
      ],
    });
    return Float32Array.from(likely, Number);
  }
}
