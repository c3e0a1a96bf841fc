import type { Place, Sampling, Sequence, Token } from "./package.ts";

/** How long one computation over a prompt should take at most, since nothing ends it in its middle. */
const STEP_MS = 200;

const LEAST = 32;

/** When the next batch is put together. */
export interface Turns {
  turn(): Promise<void>;
}

/**
 * Reads a prompt into a sequence and goes on from there. A long prompt is read in steps: whoever leaves meanwhile
 * leaves after the step, and not after all of it.
 */
export class PromptReader {
  #sequence: Sequence;
  #most: number;
  #place: Place;
  #batches: Turns;

  /**
   * @param batchSize the most tokens that are computed at once.
   * @param place the sequence's number.
   * @param batches those of its context.
   */
  constructor(sequence: Sequence, batchSize: number, place: number, batches: Turns) {
    this.#sequence = sequence;
    this.#most = batchSize;
    this.#place = { evaluationPriority: place };
    this.#batches = batches;
  }

  /**
   * Yields the tokens that follow, without end but the model's own. What the sequence has read of the prompt
   * already is not read again.
   */
  async *read(
    prompt: readonly Token[],
    sampling: Sampling,
    signal: AbortSignal,
  ): AsyncGenerator<Token, void, undefined> {
    // The last token must be computed anew, since the next one comes out of it.
    await this.#sequence.adaptStateToTokens(prompt.slice(0, -1), false);
    let at = Math.min(this.#sequence.nextTokenIndex, prompt.length - 1);
    let size = Math.min(this.#most, LEAST * 4);
    while (prompt.length - at > size) {
      await this.#batches.turn();
      if (signal.aborted) return;
      const began = performance.now();
      await this.#sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(at, at + size), this.#place);
      at += size;
      const took = performance.now() - began;
      if (took > STEP_MS) size = Math.max(LEAST, Math.floor(size / 2));
      else if (took < STEP_MS / 2) size = Math.min(this.#most, size * 2);
    }
    const tokens = this.#sequence.evaluate(prompt.slice(at), { ...sampling, ...this.#place });
    try {
      for (;;) {
        await this.#batches.turn();
        if (signal.aborted) return;
        const { done, value } = await tokens.next();
        if (done) return;
        yield value;
      }
    } finally {
      await tokens.return();
    }
  }
}
