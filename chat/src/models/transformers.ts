import { randomInt } from "node:crypto";
import { AbortableSteps } from "./abortable-steps.ts";
import { AnswerParts } from "./answer-parts.ts";
import type { Finish, GenerateRequest, Model, Piece } from "./model.ts";
import { ModelError } from "./model-error.ts";
import { readConversation } from "./transformers/conversation.ts";
import { Decoder, readsInSteps } from "./transformers/decoder.ts";
import { type LoadedTransformers, loadTransformers } from "./transformers/loaded-model.ts";
import type { Token } from "./transformers/package.ts";
import { ReadShelf } from "./transformers/read-shelf.ts";
import { Sampler } from "./transformers/sampler.ts";
import type { TransformersSettings } from "./transformers/settings.ts";
import { THINK } from "./transformers/think.ts";
import { TokenText } from "./transformers/token-text.ts";
import { refuseUnsupported } from "./unsupported.ts";

/**
 * An ONNX model in a local folder, run by transformers.js in this process. Answers that are made at once take turns, a
 * token each. The runtime computes in the process's main thread, which therefore sees to nothing else during a token.
 */
export class TransformersModel implements Model {
  readonly #loaded: LoadedTransformers;
  readonly #marks: ReadonlySet<Token>;
  readonly #shelf: ReadShelf;
  /** What still computes behind an answer that is over. */
  readonly #busy = new Set<Promise<unknown>>();
  #closed = false;

  private constructor(loaded: LoadedTransformers, answers: number) {
    this.#loaded = loaded;
    this.#shelf = new ReadShelf(readsInSteps(loaded) ? answers : 0);
    const marks = Object.values(THINK).map((mark) => loaded.tokenizer.convert_tokens_to_ids(mark));
    this.#marks = new Set(marks.filter((token) => typeof token === "number"));
  }

  /**
   * Loads the model.
   *
   * @param packages the folder in which @huggingface/transformers is looked for, where it is not beside the chat's
   *   other packages.
   * @throws Error that says what is missing or wrong, and what to do about it.
   */
  static async load(settings: TransformersSettings, packages?: string): Promise<TransformersModel> {
    return new TransformersModel(await loadTransformers(settings, packages), settings.answers);
  }

  async *stream(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<Piece, Finish, undefined> {
    signal.throwIfAborted();
    if (this.#closed) throw new ModelError("closed", "the model was closed");
    refuseUnsupported(request.options);
    const { tokenizer, contextSize, ends } = this.#loaded;
    const { maxTokens = Number.POSITIVE_INFINITY, stop = [], raw = false } = request.options ?? {};
    const { tokens, promptTokens, thinks } = readConversation(request, this.#loaded);
    let count = tokens.length - promptTokens;
    const finish = (reason: Finish["reason"]): Finish => ({ reason, promptTokens, completionTokens: count });

    const continues = raw && request.prompt !== "";
    const marks = raw ? undefined : { ...THINK, open: thinks };
    const parts = new AnswerParts(marks, stop, request.emitted, continues);
    const text = new TokenText(tokenizer, tokens, raw ? new Set() : this.#marks);
    const sampler = this.#samplerFor(request, tokens.slice(promptTokens));
    const decoder = new Decoder(this.#loaded, tokens, this.#shelf.take(tokens));
    const steps = new AbortableSteps(signal);
    try {
      while (count < maxTokens && promptTokens + count < contextSize) {
        const token = sampler.choose(await steps.wait(decoder.read(signal)));
        if (ends.has(token)) {
          yield* parts.end();
          return finish("stop");
        }
        count++;
        decoder.push(token);
        yield* parts.push(text.push(token));
        if (parts.stopped) return finish("stop");
      }
      yield* parts.end();
      return finish("length");
    } finally {
      steps.end();
      this.#release(decoder);
    }
  }

  countTokens(text: string): number {
    return this.#loaded.tokenizer.encode(text, { add_special_tokens: false }).length;
  }

  async close(): Promise<void> {
    this.#closed = true;
    // What was cut off still computes its token, in memory that must not go under it.
    while (this.#busy.size > 0) await Promise.all(this.#busy);
    await this.#loaded.model.dispose();
  }

  // The answer is over at once; what it has read is there for the next when the computation in progress is over.
  #release(decoder: Decoder): void {
    const released: Promise<unknown> = decoder.end().then((read) => {
      this.#shelf.give(read);
      this.#busy.delete(released);
    });
    this.#busy.add(released);
  }

  // What chance drew for the tokens that are there already it draws again, so that the rest is what it would have been.
  #samplerFor({ options = {} }: GenerateRequest, said: readonly Token[]): Sampler {
    const { defaults, library } = this.#loaded;
    const { temperature = defaults.temperature, topP = defaults.topP, seed } = options;
    const { frequencyPenalty, presencePenalty } = options;
    const random = new library.random.Random(seed === undefined ? randomInt(2 ** 32) : Math.abs(seed));
    for (let at = 0; at < said.length; at++) random.random();
    const sampling = { temperature, topP, topK: defaults.topK, frequencyPenalty, presencePenalty };
    return new Sampler(sampling, () => random.random(), said);
  }
}
