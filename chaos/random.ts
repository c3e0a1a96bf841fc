/** A small seeded generator of random numbers: what a seed chose once, it chooses again. */
export class Random {
  #state: number;
  readonly #seed: string;

  /** @param seed any text. */
  constructor(seed: string) {
    this.#seed = seed;
    this.#state = hash(seed);
  }

  /** A generator of its own for a part, so that one part's draws do not depend on how often another draws. */
  fork(part: string | number): Random {
    return new Random(`${this.#seed}/${part}`);
  }

  /** A number from 0 up to, but not, 1. */
  next(): number {
    // mulberry32: 32 bits of state, and every step visits another of the 2^32.
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** Whether something of that probability happens. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A time until the next of events that come at random, `mean` apart on average. */
  interval(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  /**
   * One of the items.
   * @throws Error when there are no items.
   */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error("there is nothing to pick from");
    return item;
  }

  /**
   * One of the names, by their weights.
   * @throws Error when no weight is above 0.
   */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries<number>(weights) as [Name, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    throw new Error("no weight is above 0");
  }
}

/** FNV-1a: spreads seeds that differ in one letter over all 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const letter of Buffer.from(text)) value = Math.imul(value ^ letter, 0x01000193);
  return value;
}
