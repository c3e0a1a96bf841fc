/**
 * The pauses of one stream. They all share one abort listener: a stream pauses before each of its words,
 * thousands of streams do so at once, and a listener per pause costs more than the pause's timer.
 */
export class Pauses {
  #signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #reject: ((reason: unknown) => void) | undefined;
  #onAbort = () => {
    clearTimeout(this.#timer);
    this.#reject?.(this.#signal.reason);
  };

  /** @param signal ends the pause in progress at once, and every later one. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Waits. Only one pause may be in progress.
   *
   * @param ms how long, in milliseconds.
   * @returns a promise that rejects with the signal's reason as soon as it is aborted.
   */
  wait(ms: number): Promise<void> {
    if (this.#signal.aborted) return Promise.reject(this.#signal.reason);
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#timer = setTimeout(resolve, ms);
    });
  }

  /** Takes the abort listener off the signal, which may live longer than the stream. */
  end(): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}
