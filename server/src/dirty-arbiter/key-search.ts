import { compileGlob, globSteps } from "./glob.ts";
import type { Entry } from "./stash-store.ts";

/** Steps after which others have their turn: about a millisecond's. */
const TURN = 250_000;
/** What a key costs besides the steps of its pattern. */
const KEY_STEPS = 8;

/**
 * Looks for the keys of a table that match a pattern, in turns: the process that has the stash places the requests of all
 * others, and a table may have any number of keys. What is found is what there was when it began.
 */
export class KeySearch {
  private found: string[] = [];
  private readonly entries: readonly Entry[];
  private readonly pattern: string;
  private readonly fits: (key: string) => boolean;
  private readonly now: number;
  private at = 0;

  /** @param pattern a glob; Gunicorn takes an empty one for none. */
  constructor(entries: Iterable<Entry>, pattern = "", now: number) {
    this.entries = [...entries];
    this.pattern = pattern;
    this.fits = pattern === "" ? () => true : compileGlob(pattern);
    this.now = now;
  }

  /** Whether `take` would give any. */
  get hasFound(): boolean {
    return this.found.length > 0;
  }

  /** The keys that were found since this was asked last. */
  take(): string[] {
    const { found } = this;
    this.found = [];
    return found;
  }

  /** Searches on for one turn. @returns whether it is done. */
  turn(): boolean {
    for (let left = TURN; left > 0 && this.at < this.entries.length; this.at++) {
      const entry = this.entries[this.at];
      if (entry === undefined) break;
      left -= KEY_STEPS + (this.pattern === "" ? 0 : globSteps(this.pattern, entry.key));
      if (entry.expires > this.now && this.fits(entry.key)) this.found.push(entry.key);
    }
    return this.at >= this.entries.length;
  }
}
