import { randomUUID } from "node:crypto";
import type { Token, Tokenizer } from "./package.ts";
import { THINK } from "./think.ts";

/** Where a special token was taken apart; what is to be written for it is known only here. */
const BREAK = `\ue000${randomUUID()}\ue000`;

/**
 * Reads texts in which special tokens count where a template wrote them, and are plain text where a user did. A user
 * who writes `<|im_end|>` must not end their turn with it. What marks a thought is left to the template.
 */
export class LiteralText {
  readonly #tokenizer: Tokenizer;
  readonly #special: RegExp | undefined;
  /** A special token, which makes what follows it be read as from the middle of a text. */
  readonly #fence: string;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    const marks: readonly string[] = Object.values(THINK);
    const special = tokenizer.all_special_tokens.filter((token) => token !== "" && !marks.includes(token));
    // It looks ahead only, since the rest of one may be the beginning of another.
    const any = special.map((token) => token.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|");
    this.#special = special.length === 0 ? undefined : new RegExp(`(?=${any})[^]`, "gu");
    this.#fence = special.find((token) => this.#encode(token).length === 1) ?? "";
  }

  /** A user's text, its special tokens taken apart until {@link LiteralText.read} has read it. */
  quote(text: string): string {
    return this.#special === undefined ? text : text.replace(this.#special, `$&${BREAK}`);
  }

  /** The tokens of a text with quoted parts. */
  read(text: string): Token[] {
    const [first = "", ...rest] = text.split(BREAK);
    const fence = this.#fence;
    const inside = rest.map((part) => this.#encode(fence + part).slice(fence === "" ? 0 : 1));
    return [this.#encode(first), ...inside].flat();
  }

  #encode(text: string): Token[] {
    return this.#tokenizer.encode(text, { add_special_tokens: false });
  }
}
