/**
 * Waits for one promise after the other, and gives up as soon as a signal is aborted. All share one abort listener:
 * a model waits once for each token, and a race with one long promise would keep each of them until its end.
 */
export class AbortableSteps {
  #signal: AbortSignal;
  #reject: ((reason: unknown) => void) | undefined;
  #onAbort = () => this.#reject?.(this.#signal.reason);

  /** @param signal ends the wait in progress at once, and every later one. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Waits for `work`. Only one wait may be in progress. What `work` does goes on when the wait is given up, and its
   * failure is then not looked at.
   *
   * @returns what `work` gives; rejects with the signal's reason as soon as it is aborted.
   */
  wait<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      work.then(resolve, reject);
      if (this.#signal.aborted) reject(this.#signal.reason);
    });
  }

  /** Takes the abort listener off the signal, which may live longer than the stream. */
  end(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}
