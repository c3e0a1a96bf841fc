// A generator that is this fast is only looked at now and then: asking the clock costs as much as its token.
const MOST_UNWATCHED = 32;

/**
 * The current turn of the event loop, shared by all runs of the worker. A generator that never waits would
 * hold the loop for ever, and with it every cancel and every other stream; so when a turn has lasted about a
 * millisecond, the runs wait for the next one, all on the same promise.
 */
export class Turn {
  private began = 0;
  private unwatched = 0;
  private stride = 1;
  private upcoming: Promise<void> | undefined;

  /** Whether the turn has lasted long enough. Asked once a token. */
  over(): boolean {
    if (--this.unwatched > 0) return false;
    const now = Date.now();
    if (this.began === 0) {
      this.began = now;
      // Runs after the promises of this turn, so it marks the turn's end.
      process.nextTick(this.reset);
    }
    // Only whether the clock moved counts, so that one that is set back cannot hold the turn.
    const over = now !== this.began;
    // Begins anew with every token that took its time: a slow generator is never left unwatched.
    this.stride = over ? 1 : Math.min(MOST_UNWATCHED, this.stride * 2);
    this.unwatched = this.stride;
    return over;
  }

  /** Resolves in the next turn, after the events that wait have been handled. */
  next(): Promise<void> {
    this.upcoming ??= new Promise((resolve) => {
      setImmediate(() => {
        this.upcoming = undefined;
        resolve();
      });
    });
    return this.upcoming;
  }

  private readonly reset = (): void => {
    this.began = 0;
  };
}
