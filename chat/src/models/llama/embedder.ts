import { AbortableSteps } from "../abortable-steps.ts";
import { cannotFit } from "../cannot-fit.ts";
import { UnsupportedRequestError } from "../unsupported.ts";
import type { LoadedLlama } from "./loaded-llama.ts";
import type { EmbeddingContext } from "./package.ts";
import type { LlamaSettings } from "./settings.ts";

/**
 * Embeds texts with a loaded model, one after the other. The memory for that is taken with the first of them: most models
 * are never asked.
 */
export class Embedder {
  readonly #loaded: LoadedLlama;
  readonly #settings: LlamaSettings;
  #context: Promise<EmbeddingContext> | undefined;
  /** What is computed, also behind a request that was given up. It never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(loaded: LoadedLlama, settings: LlamaSettings) {
    this.#loaded = loaded;
    this.#settings = settings;
  }

  /**
   * The embedding of each text, of length 1 as OpenAI's are.
   *
   * @throws UnsupportedRequestError where one of them is too long.
   */
  async embed(inputs: readonly string[], signal: AbortSignal): Promise<number[][]> {
    const steps = new AbortableSteps(signal);
    try {
      const vectors: number[][] = [];
      for (const input of inputs) {
        signal.throwIfAborted();
        const next = this.#last.then(() => (signal.aborted ? [] : this.#vectorOf(input)));
        this.#last = next.catch(() => {});
        vectors.push(await steps.wait(next));
      }
      return vectors;
    } finally {
      steps.end();
    }
  }

  /** Resolves when nothing is computed any more. Nothing is asked of it after that. */
  async close(): Promise<void> {
    await this.#last;
  }

  async #vectorOf(input: string): Promise<number[]> {
    const { contextSize, context } = await this.#open();
    const isTooLong = cannotFit(input.length, contextSize);
    const length = isTooLong ? input.length : context.calculateInputLength(input);
    if (length >= contextSize) {
      throw new UnsupportedRequestError(
        `The input has ${length} ${isTooLong ? "characters" : "tokens"}. This model can embed ${contextSize - 1}${isTooLong ? " tokens" : ""}.`,
        "input",
        "context_length_exceeded",
      );
    }
    const { vector } = await context.getEmbeddingFor(input);
    return ofLengthOne(vector);
  }

  async #open(): Promise<{ contextSize: number; context: EmbeddingContext }> {
    const { model, threads } = this.#loaded;
    const contextSize = Math.min(this.#settings.contextSize, model.trainContextSize);
    this.#context ??= model.createEmbeddingContext({ contextSize, threads });
    try {
      return { contextSize, context: await this.#context };
    } catch (error) {
      // There may be memory for it later.
      this.#context = undefined;
      throw error;
    }
  }
}

function ofLengthOne(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return length === 0 ? [...vector] : vector.map((value) => value / length);
}
