import type { Token, Tokenizer } from "./package.ts";

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
  #tokenizer: Tokenizer;
  #shown: ReadonlySet<Token>;
  #before: Token[];
  #held: Token[] = [];

  /**
   * @param before what was read before the first token.
   * @param shown special tokens that are written as text too; all others are nothing.
   */
  constructor(tokenizer: Tokenizer, before: readonly Token[], shown: ReadonlySet<Token>) {
    this.#tokenizer = tokenizer;
    this.#shown = shown;
    this.#before = before.slice(-LOOK_BACK);
  }

  /** The text that has become whole with this token; empty where it is a part of a character. */
  push(token: Token): string {
    this.#held.push(token);
    const all = [...this.#before, ...this.#held];
    const text = this.#shown.has(token)
      ? this.#write([token], false)
      : this.#write(all).slice(this.#write(this.#before).length);
    if (text.endsWith(BROKEN) && this.#held.length < MOST_HELD) return "";
    this.#before = all.slice(-LOOK_BACK);
    this.#held = [];
    return text;
  }

  #write(tokens: Token[], skipSpecial = true): string {
    if (tokens.length === 0) return "";
    const options = { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false };
    return this.#tokenizer.decode(tokens, options);
  }
}
