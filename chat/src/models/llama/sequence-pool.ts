import type { Sequence, Token } from "./package.ts";

interface Waiter {
  readonly tokens: Token[];
  take(sequence: Sequence): void;
}

/**
 * The sequences of a context, each for one answer at a time. A sequence keeps what it has read, so a conversation
 * that goes on is given the one that has read the most of it.
 */
export class SequencePool {
  /** Those that are free, that which has been free for the longest first. */
  #free: Sequence[];
  #waiting: Waiter[] = [];

  constructor(sequences: readonly Sequence[]) {
    this.#free = [...sequences];
  }

  /**
   * Takes a sequence, and waits where all are taken. That is rare: no more requests come than there are sequences,
   * but one that was cut off holds its sequence until the computation in progress is over.
   *
   * @param tokens what is to be read.
   * @param signal ends the wait; it then rejects with the signal's reason.
   */
  take(tokens: Token[], signal: AbortSignal): Promise<Sequence> {
    const best = this.#bestFor(tokens);
    if (best !== undefined) {
      this.#free.splice(this.#free.indexOf(best), 1);
      return Promise.resolve(best);
    }
    // Who left while a grammar was made: no abort would come any more.
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        tokens,
        take: (sequence) => {
          signal.removeEventListener("abort", onAbort);
          resolve(sequence);
        },
      };
      this.#waiting.push(waiter);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Gives a sequence back. */
  give(sequence: Sequence): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(sequence);
    else next.take(sequence);
  }

  // At least half of what the sequence has read must be of use. All conversations begin with the same few tokens, and
  // a long one must not be lost for those.
  #bestFor(tokens: Token[]): Sequence | undefined {
    let best = this.#free[0];
    let most = 0;
    for (const sequence of this.#free) {
      const common = sequence.compareContextTokens(tokens).firstDifferentIndex;
      if (common > most && common * 2 > sequence.nextTokenIndex) {
        best = sequence;
        most = common;
      }
    }
    return best;
  }
}
