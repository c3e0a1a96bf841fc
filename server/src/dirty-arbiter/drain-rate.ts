const SAMPLES = 32;
/** The longest time that a client is told to stay away, in seconds. */
export const MAX_RETRY_AFTER = 30;

/** How fast an app's queue really moves: from the times of its last grants. */
export class DrainRate {
  private times: number[] = [];

  /** Notes a grant at `now` (ms). */
  granted(now: number): void {
    this.times.push(now);
    if (this.times.length > SAMPLES) this.times.shift();
  }

  /**
   * Whole seconds until `waiting` requests will have been granted a slot, from 1 to 30. A queue that has not
   * moved yet gives 30, since nothing is known.
   */
  retryAfter(waiting: number, now: number): number {
    const first = this.times[0];
    if (first === undefined || this.times.length < 2) return MAX_RETRY_AFTER;
    const perGrant = (now - first) / this.times.length;
    return Math.min(MAX_RETRY_AFTER, Math.max(1, Math.ceil((waiting * perGrant) / 1000)));
  }
}
