import type { EncodedValue } from "../protocol/encoded-value.ts";
import { StashFullError } from "../protocol/errors.ts";
import { type Expiring, ExpiryHeap } from "./expiry-heap.ts";

/** Entries that a table holds at most, unless it was declared with a bound of its own. */
export const DEFAULT_MAX_ENTRIES = 100_000;
/** Bytes of keys and encoded values that a table holds at most, unless it was declared with a bound of its own. */
export const DEFAULT_MAX_BYTES: number = 64 * 1024 * 1024;
/** Tables that there are at most. */
export const MAX_TABLES = 1000;
/** Bytes that all tables hold at most, each entry counted with {@link ENTRY_COST} besides its own. */
export const MAX_TOTAL_BYTES: number = 1024 * 1024 * 1024;
/** About what an entry takes of memory besides its key and its value. */
export const ENTRY_COST = 256;

/** One step of the stash from state to state. It is what the log keeps, so it says what is, not what was asked. */
export type Change =
  | { kind: "set"; table: string; key: string; value: EncodedValue; expires: number }
  | { kind: "remove"; table: string; key: string }
  | { kind: "clear"; table: string }
  | { kind: "drop"; table: string }
  | { kind: "bound"; table: string; bounds: Bounds };

/** What a table may hold. */
export interface Bounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** What an entry lives that is put without a time of its own, in ms; Infinity: for ever. */
  readonly ttl: number;
}

/** An entry of a table. */
export interface Entry extends Expiring {
  readonly table: Table;
  readonly key: string;
  readonly value: EncodedValue;
  /** Time of the machine's clock in ms; Infinity: never. */
  readonly expires: number;
  /** Bytes of its key and of its value. */
  readonly size: number;
  /** How many changes there had been with it. */
  readonly change: number;
}

/** A table. */
export interface Table {
  readonly name: string;
  /** Another map when it was cleared: to let go of millions of entries takes no longer than of one. */
  entries: Map<string, Entry>;
  /** Those of its entries whose time ends. */
  expiring: ExpiryHeap<Entry>;
  bounds: Bounds;
  /** Bytes of all keys and values. */
  bytes: number;
}

const DEFAULT_BOUNDS: Bounds = {
  maxEntries: DEFAULT_MAX_ENTRIES,
  maxBytes: DEFAULT_MAX_BYTES,
  ttl: Number.POSITIVE_INFINITY,
};
/** Entries over their time that one call removes at most, about 5 ms' worth: so that no request waits long for it. */
const EXPIRE_BUDGET = 2000;

/**
 * The tables in memory. All that happens to them is a {@link Change}, whether it was asked for or comes from the log;
 * only entries whose time is over go without one. It has no clock and does no I/O.
 */
export class StashStore {
  readonly tables = new Map<string, Table>();
  private changes = 0;
  /** Bytes of all entries, each with its cost. */
  bytes = 0;
  /** Entries of all tables. */
  size = 0;

  /** An entry whose time is not over. */
  find(table: string, key: string, now: number): Entry | undefined {
    const entry = this.tables.get(table)?.entries.get(key);
    return entry !== undefined && entry.expires > now ? entry : undefined;
  }

  /** What the table may hold, or would if it were made now. */
  boundsOf(table: string): Bounds {
    return this.tables.get(table)?.bounds ?? DEFAULT_BOUNDS;
  }

  /**
   * Makes sure that an entry has room, and makes some where entries are over their time.
   * @throws StashFullError when it has not.
   */
  checkRoom(table: string, key: string, value: EncodedValue, now: number): void {
    const problem = this.lackOfRoom(table, key, value);
    if (problem === undefined) return;
    // First where room is lacking, since the budget may end before that table's turn.
    const own = this.tables.get(table);
    if (own !== undefined) this.expireOf(own, now, EXPIRE_BUDGET);
    this.expire(now);
    const still = this.lackOfRoom(table, key, value);
    if (still !== undefined) throw still;
  }

  /** @throws StashFullError when there are as many tables as there may be, and this would be one more. */
  checkTable(table: string): void {
    if (!this.tables.has(table) && this.tables.size >= MAX_TABLES) throw full(table, "tables", MAX_TABLES);
  }

  /** Makes a change. Bounds are the asking side's matter: what the log says has happened already. */
  apply(change: Change): void {
    this.changes++;
    const table = this.tables.get(change.table);
    switch (change.kind) {
      case "set":
        this.set(table ?? this.create(change.table), change.key, change.value, change.expires);
        return;
      case "bound":
        (table ?? this.create(change.table)).bounds = change.bounds;
        return;
      case "remove": {
        const entry = table?.entries.get(change.key);
        if (entry !== undefined) this.remove(entry);
        return;
      }
      case "drop":
        this.tables.delete(change.table);
        if (table !== undefined) this.clear(table);
        return;
      case "clear":
        if (table !== undefined) this.clear(table);
    }
  }

  /**
   * Removes entries that are over their time, up to a number of them.
   * @returns whether it was that many, so that there may be more.
   */
  expire(now: number): boolean {
    let left = EXPIRE_BUDGET;
    for (const table of this.tables.values()) {
      left = this.expireOf(table, now, left);
      if (left === 0) return true;
    }
    return false;
  }

  /**
   * The changes that make an empty store into this one. It may be changed meanwhile. An entry that was set since is left
   * out, because the caller writes that change down as well.
   */
  *snapshot(): Generator<Change> {
    const since = this.changes;
    for (const table of this.tables.values()) {
      const { name, bounds, entries } = table;
      yield { kind: "bound", table: name, bounds };
      for (const { key, value, expires, change } of entries.values()) {
        // It was cleared meanwhile: what it held is not there any more, and what it holds now is newer.
        if (table.entries !== entries) break;
        if (change <= since) yield { kind: "set", table: name, key, value, expires };
      }
    }
  }

  private lackOfRoom(name: string, key: string, value: EncodedValue): StashFullError | undefined {
    const table = this.tables.get(name);
    if (table === undefined && this.tables.size >= MAX_TABLES) return full(name, "tables", MAX_TABLES);
    const { maxEntries, maxBytes } = table?.bounds ?? DEFAULT_BOUNDS;
    const old = table?.entries.get(key);
    const more = sizeOf(key, value) - (old?.size ?? 0);
    // What does not grow is let through also where a bound was lowered below what is there.
    if (old === undefined && (table?.entries.size ?? 0) >= maxEntries)
      return full(name, "entries", maxEntries);
    if (more > 0 && (table?.bytes ?? 0) + more > maxBytes) return full(name, "bytes", maxBytes);
    const cost = more + (old === undefined ? ENTRY_COST : 0);
    if (cost > 0 && this.bytes + cost > MAX_TOTAL_BYTES) return full(name, "total bytes", MAX_TOTAL_BYTES);
    return undefined;
  }

  private create(name: string): Table {
    const table: Table = {
      name,
      entries: new Map(),
      expiring: new ExpiryHeap(),
      bounds: DEFAULT_BOUNDS,
      bytes: 0,
    };
    this.tables.set(name, table);
    return table;
  }

  private set(table: Table, key: string, value: EncodedValue, expires: number): void {
    const old = table.entries.get(key);
    if (old !== undefined) this.uncount(old);
    const size = sizeOf(key, value);
    const entry: Entry = { table, key, value, expires, size, change: this.changes, index: -1 };
    table.entries.set(key, entry);
    table.bytes += size;
    this.bytes += size + ENTRY_COST;
    this.size++;
    if (expires !== Number.POSITIVE_INFINITY) table.expiring.add(entry);
  }

  private remove(entry: Entry): void {
    entry.table.entries.delete(entry.key);
    this.uncount(entry);
  }

  private uncount(entry: Entry): void {
    entry.table.bytes -= entry.size;
    this.bytes -= entry.size + ENTRY_COST;
    this.size--;
    if (entry.index !== -1) entry.table.expiring.remove(entry);
  }

  private clear(table: Table): void {
    this.bytes -= table.bytes + table.entries.size * ENTRY_COST;
    this.size -= table.entries.size;
    table.bytes = 0;
    table.entries = new Map();
    table.expiring = new ExpiryHeap();
  }

  /** @returns what is left of `most`. */
  private expireOf({ expiring }: Table, now: number, most: number): number {
    let left = most;
    for (
      let { next } = expiring;
      left > 0 && next !== undefined && next.expires <= now;
      { next } = expiring
    ) {
      this.remove(next);
      left--;
    }
    return left;
  }
}

function sizeOf(key: string, value: EncodedValue): number {
  return Buffer.byteLength(key) + value.size;
}

function full(table: string, bound: string, limit: number): StashFullError {
  const why = {
    tables: `There are ${limit} tables in the stash, as many as there may be`,
    entries: `The table "${table}" of the stash holds ${limit} entries, as many as it may`,
    bytes: `The table "${table}" of the stash would hold more than its ${limit} bytes`,
    "total bytes": `The tables of the stash would hold more than ${limit} bytes together`,
  }[bound];
  return new StashFullError(`${why}; delete some, give entries a time to live, or declare a higher bound.`, {
    details: { table, bound, limit },
  });
}
