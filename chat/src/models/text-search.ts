/** What a search lets through. */
export interface Passed {
  /** Text in front of which, and in which, nothing is found. */
  readonly text: string;
  /** The text that was found, which is not in `text`; the search is over. */
  readonly found?: string;
}

/**
 * Looks for texts in a stream of pieces, also where one begins in a piece and ends in a later one. The first that is
 * whole is found; of two that end at once, the longer. What may still become one is held back, and nothing else is, so
 * that a reader waits for no token longer than it must.
 *
 * Each character costs a few steps for each text, however long that is (the search of Knuth, Morris and Pratt).
 */
export class TextSearch {
  readonly #needles: readonly Needle[];
  #held = "";

  /** @param needles what to look for; empty ones are nothing. */
  constructor(needles: readonly string[]) {
    this.#needles = needles.filter((needle) => needle !== "").map((needle) => new Needle(needle));
  }

  /** Takes the next piece of the stream. */
  push(piece: string): Passed {
    if (this.#needles.length === 0) return { text: piece };
    const text = this.#held + piece;
    for (let at = 0; at < piece.length; at++) {
      const found = this.#take(piece.charCodeAt(at));
      if (found === undefined) continue;
      const end = text.length - piece.length + at + 1;
      this.#held = text.slice(end);
      return { text: text.slice(0, end - found.length), found };
    }
    const begun = this.#needles.reduce((longest, { matched }) => Math.max(longest, matched), 0);
    const free = text.length - begun;
    this.#held = text.slice(free);
    return { text: text.slice(0, free) };
  }

  /** What is held back, or what came behind the text that was found. The stream is over. */
  rest(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  /** @returns what ends with this character. */
  #take(code: number): string | undefined {
    let found: string | undefined;
    for (const needle of this.#needles) {
      if (needle.take(code) && needle.text.length > (found?.length ?? 0)) found = needle.text;
    }
    return found;
  }
}

/** One text that is looked for. */
class Needle {
  readonly text: string;
  /** How many of its first characters end what was taken so far. */
  matched = 0;
  /** By how many characters match: how many do without the first of them, at most. */
  readonly #shorter: Uint32Array;

  constructor(text: string) {
    this.text = text;
    this.#shorter = new Uint32Array(text.length + 1);
    for (let at = 1; at < text.length; at++) {
      this.#advance(text.charCodeAt(at));
      this.#shorter[at + 1] = this.matched;
    }
    this.matched = 0;
  }

  /** Takes the next character. @returns whether the text is whole with it. */
  take(code: number): boolean {
    this.#advance(code);
    return this.matched === this.text.length;
  }

  #advance(code: number): void {
    let { matched } = this;
    while (matched > 0 && this.text.charCodeAt(matched) !== code) matched = this.#shorter[matched] ?? 0;
    this.matched = this.text.charCodeAt(matched) === code ? matched + 1 : 0;
  }
}
