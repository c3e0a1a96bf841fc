/** What a {@link Batcher} may do. */
export interface BatchLimits {
  /** The most requests that are computed together. */
  readonly most: number;
  /** How long, in ms, the first request waits for others. */
  readonly waitMs: number;
}

interface Waiting<Input, Output> {
  readonly input: Input;
  readonly signal: AbortSignal;
  readonly resolve: (output: Output) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Computes requests that come together in one go: most models need hardly more time for thirty-two texts than for one.
 * While a batch is being computed, the next one collects.
 */
export class Batcher<Input, Output> {
  readonly #compute: (inputs: Input[]) => Promise<Output[]>;
  readonly #limits: BatchLimits;
  #waiting: Waiting<Input, Output>[] = [];
  #busy = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param compute gives one output for each input, in their order. */
  constructor(compute: (inputs: Input[]) => Promise<Output[]>, limits: BatchLimits) {
    this.#compute = compute;
    this.#limits = limits;
  }

  /**
   * Adds a request to the next batch.
   * @param signal ends the request: one whose signal is aborted before its batch begins is left out.
   * @throws what the whole batch failed with, or the signal's reason.
   */
  add(input: Input, signal: AbortSignal): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ input, signal, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#busy || this.#waiting.length === 0) return;
    if (this.#waiting.length >= this.#limits.most) void this.#run();
    else this.#timer ??= setTimeout(() => void this.#run(), this.#limits.waitMs);
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#busy = true;
    const taken = this.#waiting.splice(0, this.#limits.most);
    for (const { signal, reject } of taken) if (signal.aborted) reject(signal.reason);
    const batch = taken.filter(({ signal }) => !signal.aborted);
    try {
      const outputs = batch.length === 0 ? [] : await this.#compute(batch.map(({ input }) => input));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const output = outputs[index];
        if (output === undefined) reject(new Error("the batch has an output too few"));
        else resolve(output);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#busy = false;
      this.#schedule();
    }
  }
}
