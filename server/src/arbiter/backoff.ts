/** A child that served for so long was healthy: its end starts no backoff. */
export const HEALTHY_MS = 5000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
/** After this many children in a row that could not start, the next one will most likely fail too. */
export const CRASH_LOOP = 3;

/** When the next child of a kind may be started: at once after a first failure, then after growing pauses. */
export class Backoff {
  /** How many children in a row failed, before or after they were ready. */
  failures = 0;
  /** How many of them in a row were never ready. */
  private startFailures = 0;
  /** ms since the epoch before which none may be started. */
  notBefore = 0;
  private readonly longestMs: number;

  /** @param longestMs the longest pause; default: 30 s. */
  constructor(longestMs: number = LONGEST_PAUSE_MS) {
    this.longestMs = longestMs;
  }

  /** Notes that a child ended unasked, after it had been ready for `servedMs` (0: it never was). */
  failed(now: number, servedMs: number): void {
    if (servedMs >= HEALTHY_MS) this.failures = 0;
    this.failures++;
    this.startFailures = servedMs > 0 ? 0 : this.startFailures + 1;
    const pause = this.failures < 2 ? 0 : Math.min(this.longestMs, FIRST_PAUSE_MS * 2 ** (this.failures - 2));
    this.notBefore = now + pause;
  }

  /** Notes that a child is ready: whatever happens to it later, its kind can start. */
  started(): void {
    this.startFailures = 0;
  }

  /** Notes that a child is healthy. */
  succeeded(): void {
    this.failures = 0;
    this.startFailures = 0;
    this.notBefore = 0;
  }

  /** Whether the kind fails to start, again and again. */
  get looping(): boolean {
    return this.startFailures >= CRASH_LOOP;
  }
}
