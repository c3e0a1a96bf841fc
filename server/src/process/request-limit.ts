/**
 * After how many requests a worker asks for a successor. The jitter is drawn once for each worker, so that workers
 * that started together are not replaced together.
 */
export class RequestLimit {
  private left: number;
  private readonly reached: () => void;

  /**
   * @param limit how many requests a worker serves; 0: without end.
   * @param jitter the most that is added to it, at random.
   * @param reached called once, with the request that reaches the limit. The worker serves on until it is stopped.
   * @param random from 0 to below 1; default: `Math.random`.
   */
  constructor(limit: number, jitter: number, reached: () => void, random: () => number = Math.random) {
    // Counted down from 0 it never comes to 0 again: without a limit the count costs no more.
    this.left = limit === 0 ? 0 : limit + Math.floor(random() * (jitter + 1));
    this.reached = reached;
  }

  /** Counts a request. */
  count(): void {
    if (--this.left === 0) this.reached();
  }
}
