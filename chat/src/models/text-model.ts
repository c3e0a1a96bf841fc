import { type CallOptions, DirtyAppError, DirtyAppNotFoundError, type DirtyStream, dirty } from "tsunicorn";
import type { ChatApp } from "../chat-app.ts";
import { type AskForText, askForText, type TextRequest } from "./ask-for-text.ts";
import type { CatalogModel } from "./catalog.ts";
import type { ChunkForm } from "./text-chunks.ts";

/**
 * A model as the chat's routes ask it, for text. An app of the user's own may have only `complete`: then it is asked
 * through that.
 */
export class TextModel {
  readonly name: string;
  readonly #app: string;
  readonly #ask: AskForText;
  /** The action that it turned out to have; undefined until it has answered. */
  #has: "generate" | "complete" | undefined;

  constructor(model: CatalogModel) {
    this.name = model.name;
    this.#app = model.app;
    this.#ask = askForText(model);
    // All others are ours, or those of Gunicorn's example.
    if (model.source !== undefined) this.#has = "generate";
  }

  /** In which form its chunks come. */
  form(thinking: boolean): ChunkForm {
    if (this.#has !== "complete") return "text";
    return thinking ? "thinking" : "pieces";
  }

  /** Asks it. */
  ask(request: TextRequest, options: CallOptions): DirtyStream<unknown> {
    if (this.#has !== "complete") return this.#ask(request, options);
    return dirty<ChatApp>(this.#app).with(options).complete(request);
  }

  /** It has answered as it was asked. */
  answered(): void {
    this.#has ??= "generate";
  }

  /**
   * Whether it is to be asked again: it has no `generate`, which was not known.
   * @throws DirtyAppError where it has no `complete` either.
   */
  asksOtherwise(error: unknown): boolean {
    if (!(error instanceof DirtyAppNotFoundError)) return false;
    if (this.#has === undefined) {
      this.#has = "complete";
      return true;
    }
    if (this.#has === "generate") return false;
    this.#has = undefined;
    throw hasNeither(this.name, error);
  }
}

/** The error of a model whose app cannot answer at all. */
export function hasNeither(model: string, cause: unknown): DirtyAppError {
  return new DirtyAppError(
    `The app of the model ${model} has neither the action generate nor the action complete, so it cannot answer.`,
    { cause },
  );
}
