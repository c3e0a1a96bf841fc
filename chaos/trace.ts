const KEPT = 80;

/** The last events of one client, with their times: what is printed when something went wrong with it. */
export class Trace {
  readonly #now: () => number;
  readonly #lines: string[] = [];

  /** @param now ms since the run began. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Notes an event. */
  note(text: string): void {
    this.#lines.push(`${(this.#now() / 1000).toFixed(3)} ${text}`);
    if (this.#lines.length > KEPT) this.#lines.shift();
  }

  /** The events, oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }
}
