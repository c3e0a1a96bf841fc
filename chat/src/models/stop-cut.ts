/**
 * Cuts a text that comes in parts before the first of some stop strings. What may be the beginning of one is held back
 * until that is known.
 */
export class StopCut {
  readonly #stops: readonly string[];
  #held = "";
  #found = false;

  /** @param stops none of them empty; without any, every part passes as it comes. */
  constructor(stops: readonly string[] = []) {
    this.#stops = stops;
  }

  /** Whether a stop string came. Nothing passes after it. */
  get found(): boolean {
    return this.#found;
  }

  /** Takes the next part. @returns what is sure to stand before a stop string, perhaps nothing. */
  push(part: string): string {
    if (this.#found) return "";
    if (this.#stops.length === 0) return part;
    const text = this.#held + part;
    let end = -1;
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      if (at !== -1 && (end === -1 || at < end)) end = at;
    }
    if (end !== -1) {
      this.#found = true;
      this.#held = "";
      return text.slice(0, end);
    }
    const sure = text.length - this.#begun(text);
    this.#held = text.slice(sure);
    return text.slice(0, sure);
  }

  /** The text is over. @returns what was held back. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  /** How many characters at the end of a text may be the beginning of a stop string. */
  #begun(text: string): number {
    let most = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > most; length--) {
        if (stop.startsWith(text.slice(-length))) most = length;
      }
    }
    return most;
  }
}
