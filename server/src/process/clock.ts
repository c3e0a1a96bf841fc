/**
 * The machine's monotonic clock in ms. Every process reads the same one, so that a time taken in one
 * process (an arrival, a deadline) means the same in another; `performance.now()` starts anew in each.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
