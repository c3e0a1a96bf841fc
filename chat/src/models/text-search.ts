/** What a search lets through. */
export interface Passed {
  /** Text in front of which, and in which, nothing is found. */
  readonly text: string;
  /** The text that was found, which is not in `text`; the search is over. */
  readonly found?: string;
}

/**
 * Looks for texts in a stream of pieces, also where one begins in a piece and ends in a later one. What may still
 * become one is held back, and nothing else is, so that a reader waits for no token longer than it must.
 */
export class TextSearch {
  #needles: readonly string[];
  #held = "";

  /** @param needles what to look for; empty ones are nothing. */
  constructor(needles: readonly string[]) {
    this.#needles = needles.filter((needle) => needle !== "");
  }

  /** Takes the next piece of the stream. */
  push(piece: string): Passed {
    if (this.#needles.length === 0) return { text: piece };
    const text = this.#held + piece;
    const hit = this.#firstIn(text);
    if (hit !== undefined) {
      this.#held = text.slice(hit.at + hit.needle.length);
      return { text: text.slice(0, hit.at), found: hit.needle };
    }
    const free = text.length - this.#begunAtEndOf(text);
    this.#held = text.slice(free);
    return { text: text.slice(0, free) };
  }

  /** What is held back, or what came behind the text that was found. The stream is over. */
  rest(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  #firstIn(text: string): { at: number; needle: string } | undefined {
    let first: { at: number; needle: string } | undefined;
    for (const needle of this.#needles) {
      const at = text.indexOf(needle);
      if (at !== -1 && (first === undefined || at < first.at)) first = { at, needle };
    }
    return first;
  }

  /** How long the longest beginning of a needle is that ends the text. */
  #begunAtEndOf(text: string): number {
    let longest = 0;
    for (const needle of this.#needles) {
      for (let length = Math.min(needle.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(needle.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
