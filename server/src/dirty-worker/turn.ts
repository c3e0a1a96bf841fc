const SLICE_MS = 1;

/**
 * The current turn of the event loop, shared by all runs of the worker. A generator that never waits would
 * hold the loop for ever, and with it every cancel and every other stream; so when a turn has lasted its
 * slice, the runs wait for the next one, all on the same promise.
 */
export class Turn {
  private began = 0;
  private upcoming: Promise<void> | undefined;

  /** Whether the slice is used up. */
  over(): boolean {
    const now = performance.now();
    if (this.began === 0) {
      this.began = now;
      // Runs after the promises of this turn, so it marks the turn's end.
      process.nextTick(this.reset);
      return false;
    }
    return now - this.began > SLICE_MS;
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
