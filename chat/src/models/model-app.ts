import { setImmediate as nextTurn } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";
import { fromInBand, inBand } from "./in-band.ts";
import { type Finish, type GenerateRequest, isPiece, type Message, type Model, type Piece } from "./model.ts";
import { tokenize } from "./tokenize.ts";
import { UnsupportedRequestError } from "./unsupported.ts";
import { WholeCharacters } from "./whole-characters.ts";

/** What `complete` is asked for. */
export type CompleteRequest = Omit<GenerateRequest, "emitted">;

/** The last of what `complete` yields. */
export interface FinishPiece {
  readonly finish: Finish;
}

/** What `embed` answers. */
export interface Embeddings {
  /** One for each input, in their order. */
  readonly vectors: readonly (readonly number[])[];
  readonly promptTokens: number;
}

/** How an answer ended that is not read to its end. */
const NOTHING: Finish = { reason: "stop", promptTokens: 0, completionTokens: 0 };

/**
 * A dirty app around a model: one class that extends it, with {@link ModelApp._load}, is all that a model needs to be
 * offered by the chat. It runs in dirty workers, so it must import nothing that only the HTTP side needs.
 */
export abstract class ModelApp extends DirtyApp {
  // Every model can go on in mid-answer, so an answer outlives its worker.
  static override continues = ["generate", "complete"];

  #model: Model | undefined;

  /** Makes the model ready. What it throws ends the server's start with that reason. */
  abstract _load(): Model | Promise<Model>;

  override async init(): Promise<void> {
    this.#model = await this._load();
  }

  /** The model. Throws before `init` and after `close`. */
  get _model(): Model {
    if (this.#model === undefined) throw new Error("the model is not loaded");
    return this.#model;
  }

  /**
   * Streams the answer to a prompt as text, token by token. A thinking phase stands in it as `[thinking` … `]`.
   *
   * @param prompt the user's message.
   * @param thinking whether the answer begins with a visible thinking phase.
   * @param messages what was said before the prompt, oldest first.
   */
  generate(prompt: string, thinking = false, messages: readonly Message[] = []): AsyncIterable<string> {
    const { signal, emitted } = this.request;
    // What was emitted is what this action yielded in another worker: strings.
    const chunks = emitted.map(String);
    const request = { prompt, messages, thinking, emitted: fromInBand(chunks) };
    return inBand(this._model.stream(request, signal), thinking, chunks);
  }

  /** Streams the answer to a request as the model's pieces, and at last how it ended. */
  async *complete(request: CompleteRequest): AsyncGenerator<Piece | FinishPiece, void, undefined> {
    const { signal, emitted } = this.request;
    const pieces = emitted.filter(isPiece);
    // The worker that made it died behind its very last chunk.
    if (pieces.length < emitted.length) return;
    const stream = this._model.stream({ ...request, emitted: pieces }, signal);
    const characters = new WholeCharacters();
    try {
      for (;;) {
        const { done, value } = await stream.next();
        if (done) {
          yield* characters.end();
          yield { finish: value };
          return;
        }
        const piece = characters.push(value);
        if (piece !== undefined) yield piece;
      }
    } finally {
      await stream.return(NOTHING);
    }
  }

  /**
   * Embeds texts.
   *
   * @throws UnsupportedRequestError where the model cannot.
   */
  async embed(inputs: readonly string[]): Promise<Embeddings> {
    const model = this._model;
    if (model.embed === undefined) {
      throw new UnsupportedRequestError(
        "This model does not support embeddings.",
        "model",
        "unsupported_model",
      );
    }
    const vectors = await model.embed(inputs, this.request.signal);
    const count = (text: string) => model.countTokens?.(text) ?? tokenize(text).length;
    let promptTokens = 0;
    for (const input of inputs) {
      promptTokens += count(input);
      // Others have their turn: the inputs of one request may be 16 MiB.
      await nextTurn();
    }
    return { vectors, promptTokens };
  }

  override async close(): Promise<void> {
    const model = this.#model;
    this.#model = undefined;
    await model?.close?.();
  }
}
