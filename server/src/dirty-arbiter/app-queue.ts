/** What a queue orders by. */
export interface Queued {
  /** When the request first arrived, ms of the machine's clock. It stays the same when it is placed again. */
  readonly arrival: number;
}

/**
 * The requests that wait for one app, oldest first. A request that comes back (its slot was refused, the dirty arbiter
 * was replaced) stands where its arrival puts it, not at the end.
 */
export class AppQueue<T extends Queued> {
  private items: (T | undefined)[] = [];
  private head = 0;
  private live = 0;
  /** Whether a request that waits has another place than before. Its reader sets it back. */
  moved = false;

  /** How many wait. */
  get size(): number {
    return this.live;
  }

  /** Adds a request. @returns how many stand before it. */
  add(item: T): number {
    let at = this.items.length;
    let behind = 0;
    while (at > this.head) {
      const before = this.items[at - 1];
      if (before !== undefined) {
        if (before.arrival <= item.arrival) break;
        behind++;
      }
      at--;
    }
    if (at === this.items.length) this.items.push(item);
    else this.items.splice(at, 0, item);
    this.live++;
    if (behind > 0) this.moved = true;
    return this.live - 1 - behind;
  }

  /** Takes the oldest; undefined when none waits. */
  take(): T | undefined {
    while (this.head < this.items.length) {
      const item = this.items[this.head];
      this.items[this.head++] = undefined;
      if (item !== undefined) {
        this.live--;
        this.moved = true;
        this.compact();
        return item;
      }
    }
    this.compact();
    return undefined;
  }

  /** Takes a request out. @returns whether it was there. */
  remove(item: T): boolean {
    const at = this.items.indexOf(item, this.head);
    if (at === -1) return false;
    this.items[at] = undefined;
    this.live--;
    this.moved = true;
    this.compact();
    return true;
  }

  /** All that wait, oldest first. */
  all(): T[] {
    return this.items.filter((item) => item !== undefined);
  }

  // Holes are cheap until they outnumber what waits; then they are squeezed out, so memory follows the size.
  private compact(): void {
    if (this.items.length - this.live < 64 + this.live) return;
    this.items = this.all();
    this.head = 0;
  }
}
