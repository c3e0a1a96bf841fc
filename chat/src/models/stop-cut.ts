import { TextSearch } from "./text-search.ts";

/**
 * Cuts a text that comes in parts before the first of some stop strings. What may be the beginning of one is held back
 * until that is known.
 */
export class StopCut {
  readonly #search: TextSearch;
  #found = false;

  /** @param stops without any, every part passes as it comes. */
  constructor(stops: readonly string[] = []) {
    this.#search = new TextSearch(stops);
  }

  /** Whether a stop string came. Nothing passes after it. */
  get found(): boolean {
    return this.#found;
  }

  /** Takes the next part. @returns what is sure to stand before a stop string, perhaps nothing. */
  push(part: string): string {
    if (this.#found) return "";
    const { text, found } = this.#search.push(part);
    this.#found = found !== undefined;
    return text;
  }

  /** The text is over. @returns what was held back. */
  end(): string {
    return this.#found ? "" : this.#search.rest();
  }
}
