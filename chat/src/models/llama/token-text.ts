import type { LoadedModel, Token } from "./package.ts";

/** Tokens before the one to be written that a tokenizer may look at. */
const LOOK_BACK = 8;

/** No character takes more tokens than it has bytes. */
const MOST_HELD = 4;

const BROKEN = "\ufffd";

/**
 * Writes tokens as text, one after the other. A character that is made of several comes whole, with the last,
 * and not at all where the text ends in its middle.
 */
export class TokenText {
  #model: LoadedModel;
  #shown: ReadonlySet<Token>;
  #before: Token[];
  #held: Token[] = [];

  /**
   * @param before what was read before the first token.
   * @param shown special tokens that are written as text too; all others are nothing.
   */
  constructor(model: LoadedModel, before: readonly Token[], shown: ReadonlySet<Token>) {
    this.#model = model;
    this.#shown = shown;
    this.#before = before.slice(-LOOK_BACK);
  }

  /** The text that has become whole with this token; empty where it is a part of a character. */
  push(token: Token): string {
    this.#held.push(token);
    const text = this.#model.detokenize(this.#held, this.#shown.has(token), this.#before);
    if (text.endsWith(BROKEN) && this.#held.length < MOST_HELD) return "";
    this.#before = [...this.#before, ...this.#held].slice(-LOOK_BACK);
    this.#held = [];
    return text;
  }
}
