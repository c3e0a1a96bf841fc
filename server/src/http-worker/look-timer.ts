/** Between two looks lies a second at most, and never more than a quarter of the limit. */
const LONGEST_STEP_S = 1;
const FEWEST_STEPS = 4;

/**
 * Looks at connections at even intervals, for a limit that is counted in looks and not by the clock: time in which this
 * process stood still (stopped, suspended, busy) is not the client's fault and does not count. One timer serves all connections.
 */
export class LookTimer {
  /** The looks that the limit has. */
  readonly steps: number;
  /** Seconds between two of them. */
  readonly stepS: number;
  private readonly look: () => void;
  private timer: NodeJS.Timeout | undefined;

  /** @param seconds the limit; 0 for none: nothing is looked at then. */
  constructor(seconds: number, look: () => void) {
    this.steps = Math.max(FEWEST_STEPS, Math.ceil(seconds / LONGEST_STEP_S));
    this.stepS = seconds / this.steps;
    this.look = look;
  }

  /** Begins to look. */
  start(): void {
    if (this.stepS === 0) return;
    this.timer ??= setInterval(this.look, this.stepS * 1000).unref();
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
