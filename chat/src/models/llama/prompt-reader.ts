import type { Place, Sampling, Sequence, Token } from "./package.ts";

/** How long one computation over a prompt should take at most, since nothing ends it in its middle. */
const STEP_MS = 200;

const LEAST = 32;

/** When batches are put together, and when they are computed. */
export interface Turns {
  turn(): Promise<void>;
  begun(): Promise<void>;
}

/**
 * Reads a prompt into a sequence and goes on from there. A long prompt is read in steps: a client that leaves meanwhile
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
   * Yields the tokens that follow. What the sequence has read of the prompt already is not read again.
   *
   * From the second on, a token is given out when the next one is already being computed: all that is done with it
   * then takes no time from the model.
   *
   * @param most how many to give out, where the model itself does not end before.
   * @param said where each token is put as soon as it is chosen, which is before the next one is, and before it is
   *   given out.
   */
  async *read(
    prompt: readonly Token[],
    sampling: Sampling,
    most: number,
    signal: AbortSignal,
    said?: Token[],
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
    let ahead: Promise<IteratorResult<Token, void>> | undefined;
    try {
      for (let count = 1; count <= most; count++) {
        const { done, value } = await (ahead ?? this.#next(tokens, signal, said));
        if (done) return;
        ahead = undefined;
        if (count > 1 && count < most) {
          ahead = this.#next(tokens, signal, said);
          // Its failure is told to the one who asks for it, and not before.
          await Promise.race([this.#batches.begun(), ahead.then(ignore, ignore)]);
        }
        yield value;
      }
    } finally {
      await tokens.return();
    }
  }

  async #next(
    tokens: AsyncGenerator<Token, void, undefined>,
    signal: AbortSignal,
    said?: Token[],
  ): Promise<IteratorResult<Token, void>> {
    await this.#batches.turn();
    if (signal.aborted) return { done: true, value: undefined };
    const next = await tokens.next();
    if (!next.done) said?.push(next.value);
    return next;
  }
}

function ignore(): void {}
