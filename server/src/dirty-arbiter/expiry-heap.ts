/** What waits in an {@link ExpiryHeap}. */
export interface Expiring {
  /** Time of the machine's clock in ms. It does not change while this is in a heap. */
  readonly expires: number;
  /** Where it stands; kept by the heap, -1 outside of it. */
  index: number;
}

/**
 * Things by the time at which they expire, the next one first. A thing that goes earlier is taken out at once, so
 * that nothing is kept alive here.
 */
export class ExpiryHeap<T extends Expiring> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** The one that expires next. */
  get next(): T | undefined {
    return this.items[0];
  }

  add(item: T): void {
    this.items.push(item);
    this.rise(item, this.items.length - 1);
  }

  /** Takes out a thing that is in this heap. */
  remove(item: T): void {
    const { index } = item;
    const last = this.items.pop();
    item.index = -1;
    if (last === undefined || last === item) return;
    const parent = this.items[(index - 1) >> 1];
    if (index > 0 && parent !== undefined && parent.expires > last.expires) this.rise(last, index);
    else this.sink(last, index);
  }

  private rise(item: T, from: number): void {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.items[above];
      if (parent === undefined || parent.expires <= item.expires) break;
      this.put(parent, at);
      at = above;
    }
    this.put(item, at);
  }

  private sink(item: T, from: number): void {
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      let child = this.items[below];
      const right = this.items[below + 1];
      if (child !== undefined && right !== undefined && right.expires < child.expires) {
        child = right;
        below++;
      }
      if (child === undefined || child.expires >= item.expires) break;
      this.put(child, at);
      at = below;
    }
    this.put(item, at);
  }

  private put(item: T, at: number): void {
    this.items[at] = item;
    item.index = at;
  }
}
