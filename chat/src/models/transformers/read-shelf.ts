import type { Cache, Token } from "./package.ts";

/** Tokens that a model has read, and what it made of them. */
export interface ReadTokens {
  readonly tokens: readonly Token[];
  readonly cache: Cache;
}

/**
 * Keeps what was read of the last conversations, so that the next question of one of them is read, and what came before
 * it is not. What is kept and what is in use are together no more than the answers that are made at once.
 */
export class ReadShelf {
  readonly #most: number;
  /** That which was not used for the longest first. */
  readonly #kept: ReadTokens[] = [];
  #taken = 0;

  /** @param most how many conversations to hold in memory, those in use included. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Takes what was read of the beginning of these tokens, the longest that there is; undefined where nothing was. One
   * token at least is left to be read: what follows comes out of it. Each take is followed by one `give`.
   */
  take(tokens: readonly Token[]): ReadTokens | undefined {
    let best: ReadTokens | undefined;
    for (const each of this.#kept) {
      if (each.tokens.length > (best?.tokens.length ?? 0) && isBeginning(each.tokens, tokens)) best = each;
    }
    if (best !== undefined) this.#kept.splice(this.#kept.indexOf(best), 1);
    this.#taken++;
    this.#makeRoom();
    return best;
  }

  /** Gives back what was taken, or what was read instead. */
  give(read: ReadTokens): void {
    this.#taken--;
    if (read.tokens.length > 0) this.#kept.push(read);
    this.#makeRoom();
  }

  #makeRoom(): void {
    while (this.#kept.length > 0 && this.#kept.length + this.#taken > this.#most) this.#kept.shift();
  }
}

function isBeginning(tokens: readonly Token[], of: readonly Token[]): boolean {
  return tokens.length < of.length && tokens.every((token, at) => token === of[at]);
}
