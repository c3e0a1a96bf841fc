/** Times in ms, kept in memory that is taken once, so that logging costs the client next to nothing. */
export class TimeLog {
  #times;
  #count = 0;

  /** @param {number} capacity most times that are kept; later ones are dropped */
  constructor(capacity) {
    this.#times = new Float64Array(capacity);
  }

  /** @param {number} ms */
  add(ms) {
    if (this.#count < this.#times.length) this.#times[this.#count++] = ms;
  }

  /** @returns {import("./messages.ts").Percentiles} */
  percentiles() {
    const sorted = this.#times.subarray(0, this.#count).sort();
    // The nearest rank: the smallest time that at least this share of all times does not exceed.
    const at = (/** @type {number} */ share) =>
      sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
    return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}
