import { setImmediate } from "node:timers/promises";

/**
 * Lets computations that hold the event loop take turns, in the order in which they came. Between two of them the
 * process sees to all else: what was computed leaves it, and it hears of those who leave.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Does `work` when it is its turn. @returns what it gives; a failure is its own, and the next one's turn comes. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => setImmediate()).then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
