import { type CallOptions, type DirtyAppClient, DirtyAppNotFoundError, dirty } from "tsunicorn";
import type { ChatApp } from "../chat-app.ts";
import { type AskForText, askForText } from "../models/ask-for-text.ts";
import type { CatalogModel, ModelCatalog } from "../models/catalog.ts";
import { checkPiece, checkText, checkVectors } from "../models/chunks.ts";
import type { Finish, Piece } from "../models/model.ts";
import type { CompleteRequest, Embeddings, FinishPiece } from "../models/model-app.ts";
import { StopCut } from "../models/stop-cut.ts";
import { hasNeither } from "../models/text-model.ts";
import { countTokens } from "../models/tokenize.ts";
import { refuseUnsupported } from "../models/unsupported.ts";
import { shorten } from "../shorten.ts";
import { noEmbeddings, RequestError } from "./errors.ts";

/** What a call is made with, beside what it is about. */
export type ClientOptions = Pick<CallOptions, "signal" | "requestId">;

/** What came together of an answer: pieces and, at the very end, how it ended. */
export type Batch = readonly (Piece | FinishPiece)[];

/**
 * A model as the OpenAI API asks it. Dirty apps of the user's own may have less than ours: what only has `generate` is
 * asked through that.
 */
export class ModelClient {
  readonly name: string;
  /** Whether an OpenAI-compatible API answers, which knows more of a request than we do. */
  readonly isUpstream: boolean;
  readonly #app: DirtyAppClient<ChatApp>;
  readonly #ask: AskForText;
  /** Its app has no `complete`: found out with the first request, and known of those in a Gunicorn. */
  #onlyGenerates: boolean;

  constructor(model: CatalogModel) {
    this.name = model.name;
    this.isUpstream = model.source?.kind === "openai";
    this.#app = dirty<ChatApp>(model.app);
    this.#ask = askForText(model);
    this.#onlyGenerates = model.source?.kind === "gunicorn";
  }

  /** Streams the answer to a request. */
  async *complete(request: CompleteRequest, options: ClientOptions): AsyncGenerator<Batch, void, undefined> {
    if (!this.#onlyGenerates) {
      try {
        yield* this.#pieces(request, options);
        return;
      } catch (error) {
        if (!(error instanceof DirtyAppNotFoundError)) throw error;
        this.#onlyGenerates = true;
      }
    }
    try {
      yield* this.#generate(request, options);
    } catch (error) {
      throw error instanceof DirtyAppNotFoundError ? hasNeither(this.name, error) : error;
    }
  }

  async *#pieces(request: CompleteRequest, options: ClientOptions): AsyncGenerator<Batch, void, undefined> {
    let count = 0;
    for await (const chunks of this.#app.with(options).complete(request).batches()) {
      const batch: (Piece | FinishPiece)[] = [];
      let wrong: { error: unknown } | undefined;
      try {
        for (const chunk of chunks) {
          const piece = checkPiece(chunk, this.name);
          if (typeof piece === "object" && "finish" in piece) {
            batch.push({ finish: { ...estimate(request, count), ...given(piece.finish) } });
          } else {
            count++;
            batch.push(piece);
          }
        }
      } catch (error) {
        // What came before it is told all the same.
        wrong = { error };
      }
      if (batch.length > 0) yield batch;
      if (wrong !== undefined) throw wrong.error;
    }
  }

  // Such an app knows nothing of options, so what of them can be done to its text is done here.
  async *#generate(request: CompleteRequest, options: ClientOptions): AsyncGenerator<Batch, void, undefined> {
    const { prompt, thinking, messages, options: wanted } = request;
    refuseUnsupported(wanted);
    const said = messages.map(({ role, content }) => ({ role, content }));
    const stream = this.#ask({ prompt, thinking, messages: said }, options);
    const cut = new StopCut(wanted?.stop);
    const most = wanted?.maxTokens ?? Number.POSITIVE_INFINITY;
    let count = 0;
    let isCut = false;
    for await (const tokens of stream.batches()) {
      isCut = count + tokens.length > most;
      const batch: string[] = [];
      let wrong: { error: unknown } | undefined;
      try {
        for (const token of isCut ? tokens.slice(0, most - count) : tokens) {
          count++;
          const text = cut.push(checkText(token, this.name));
          if (text !== "") batch.push(text);
          if (cut.found) break;
        }
      } catch (error) {
        wrong = { error };
      }
      if (batch.length > 0) yield batch;
      if (wrong !== undefined) throw wrong.error;
      if (isCut || cut.found) break;
    }
    const rest = cut.end();
    const finish = estimate(request, count, isCut && !cut.found ? "length" : "stop");
    yield rest === "" ? [{ finish }] : [rest, { finish }];
  }

  /** Embeds texts. @throws RequestError where the model cannot. */
  async embed(inputs: readonly string[], options: ClientOptions): Promise<Embeddings> {
    try {
      const made: Partial<Embeddings> = await this.#app.with(options).embed(inputs);
      const vectors = checkVectors(made, inputs.length, this.name);
      const { promptTokens } = made;
      const isCounted = Number.isSafeInteger(promptTokens);
      return { vectors, promptTokens: isCounted ? (promptTokens ?? 0) : countTokens(inputs) };
    } catch (error) {
      throw error instanceof DirtyAppNotFoundError ? noEmbeddings(this.name) : error;
    }
  }
}

/** What an app says of its answer's end: what is null in it is left out. */
function given(finish: Partial<Finish>): Partial<Finish> {
  return Object.fromEntries(Object.entries(finish).filter((entry) => entry[1] != null));
}

/** How an answer ended whose app does not say so: each of its chunks counts as a token. */
export function estimate(
  { prompt, messages }: CompleteRequest,
  completionTokens: number,
  reason: Finish["reason"] = "stop",
): Finish {
  const texts = [...messages.map(({ content }) => content), prompt];
  return {
    reason,
    promptTokens: countTokens(texts),
    completionTokens,
  };
}

/** The catalog's models, ready to be asked. */
export class ModelClients {
  readonly #clients: readonly ModelClient[];

  constructor({ models }: ModelCatalog) {
    this.#clients = models.map((model) => new ModelClient(model));
  }

  /**
   * @param name the default model where it is left out.
   * @throws RequestError where no model has this name.
   */
  get(name: string | null | undefined): ModelClient {
    const client = this.#clients.find((each) => name == null || each.name === name);
    if (client === undefined) throw modelNotFound(name ?? "");
    return client;
  }
}

/** The refusal of an unknown model. */
export function modelNotFound(name: string): RequestError {
  return new RequestError(404, `The model \`${shorten(name)}\` does not exist.`, "model", "model_not_found");
}
