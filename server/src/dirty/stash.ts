import { checkName, STASH, type WireStashInfo } from "../protocol/stash-messages.ts";
import { traced } from "./caller-stack.ts";
import { host } from "./client.ts";
import { NO_ENTRY } from "./stash-link.ts";
import { checkTableOptions, type StashTableOptions } from "./stash-table-options.ts";

/** What an entry is put with. */
export interface StashEntryOptions {
  /** Seconds that the entry lives; Infinity: for ever. Default: what its table was declared with, else for ever. */
  ttl?: number;
}

/** What a table holds, and may hold. */
export interface StashInfo {
  /** The table's name. */
  table: string;
  /** Entries. */
  size: number;
  /** Bytes of all keys and encoded values. */
  bytes: number;
  maxEntries: number;
  maxBytes: number;
  /** Seconds that an entry lives that is put without a `ttl`; undefined: for ever. */
  ttl: number | undefined;
}

/** One table of the stash: the same operations with its name bound to them. */
export interface StashTable<T = unknown> {
  readonly name: string;
  put(key: string, value: T, options?: StashEntryOptions): Promise<void>;
  get(key: string): Promise<T | undefined>;
  get(key: string, fallback: T): Promise<T>;
  delete(key: string): Promise<boolean>;
  exists(key?: string): Promise<boolean>;
  keys(pattern?: string): Promise<string[]>;
  clear(): Promise<void>;
  info(): Promise<StashInfo>;
  ensure(options?: StashTableOptions): Promise<void>;
  deleteTable(): Promise<boolean>;
  incr(key: string, by?: number, options?: StashEntryOptions): Promise<number>;
  compareAndSet(
    key: string,
    expected: T | undefined,
    value: T | undefined,
    options?: StashEntryOptions,
  ): Promise<boolean>;
}

/**
 * Tables that all processes of the server share. An operation that was answered is kept also when the process that
 * keeps the tables dies; one that changes something is carried out once, also when it had to be sent again.
 *
 * Every operation rejects with a StashError when it cannot be done, DirtyProtocolError when a value cannot cross,
 * DirtyTimeoutError or DirtyConnectionError when there is no answer within 10 s, and TypeError for an argument of a
 * wrong kind. A table is made with its first entry.
 */
export interface Stash {
  /** Puts a value in place of what was there. Rejects with StashFullError when the table would be over its bounds. */
  put(table: string, key: string, value: unknown, options?: StashEntryOptions): Promise<void>;
  /** The value, or `fallback` (default: undefined) if the key has none. */
  get<T = unknown>(table: string, key: string): Promise<T | undefined>;
  get<T>(table: string, key: string, fallback: T): Promise<T>;
  /** Deletes an entry. @returns whether there was one. */
  delete(table: string, key: string): Promise<boolean>;
  /** Whether there is such an entry; without a key, such a table. */
  exists(table: string, key?: string): Promise<boolean>;
  /** The table's keys, or those that match a glob: `*`, `?`, `[a-z]`, `[!a-z]`. It looks at every key. */
  keys(table: string, pattern?: string): Promise<string[]>;
  /** Deletes all entries of a table. */
  clear(table: string): Promise<void>;
  /** What a table holds. Rejects with StashTableNotFoundError where the table is missing. */
  info(table: string): Promise<StashInfo>;
  /** Makes a table unless it is there, and gives it the bounds that are named. */
  ensure(table: string, options?: StashTableOptions): Promise<void>;
  /** Deletes a table. @returns whether there was one. */
  deleteTable(table: string): Promise<boolean>;
  /** The names of all tables. */
  tables(): Promise<string[]>;
  /**
   * Adds to a number, as one step; an entry that is not there is 0 before. `ttl` is that of a new entry; one that is
   * there keeps its own.
   * @returns the number after it.
   */
  incr(table: string, key: string, by?: number, options?: StashEntryOptions): Promise<number>;
  /**
   * Sets an entry if it is what was expected, as one step. `undefined` stands for no entry: as `expected` it sets only
   * what is not there, as `value` it deletes.
   * @returns whether it was set.
   */
  compareAndSet(
    table: string,
    key: string,
    expected: unknown,
    value: unknown,
    options?: StashEntryOptions,
  ): Promise<boolean>;
  /** One table, with its name bound to the operations. */
  table<T = unknown>(name: string): StashTable<T>;
}

/** The stash, in HTTP workers and in dirty workers. */
export const stash: Stash = {
  async put(table, key, value, options) {
    await ask(STASH.PUT, table, { ...keyOf(key), value: value ?? null, ...ttlOf(options) });
  },
  async get<T>(table: string, key: string, fallback?: T): Promise<T | undefined> {
    const result = await ask(STASH.GET, table, keyOf(key));
    return result === NO_ENTRY ? fallback : (result as T);
  },
  async delete(table, key) {
    return (await ask(STASH.DELETE, table, keyOf(key))) === true;
  },
  async exists(table, key) {
    return (await ask(STASH.EXISTS, table, key === undefined ? {} : keyOf(key))) === true;
  },
  async keys(table, pattern) {
    return texts(
      await ask(STASH.KEYS, table, pattern === undefined ? {} : { pattern: text("pattern", pattern) }),
    );
  },
  async clear(table) {
    await ask(STASH.CLEAR, table);
  },
  async info(table) {
    const { size, bytes, max_entries, max_bytes, ttl } = (await ask(STASH.INFO, table)) as WireStashInfo;
    return { table, size, bytes, maxEntries: max_entries, maxBytes: max_bytes, ttl: ttl ?? undefined };
  },
  async ensure(table, options = {}) {
    const { maxEntries, maxBytes } = checkTableOptions(`the stash table "${table}"`, options);
    await ask(STASH.ENSURE, table, { max_entries: maxEntries, max_bytes: maxBytes, ...ttlOf(options) });
  },
  async deleteTable(table) {
    return (await ask(STASH.DELETE_TABLE, table)) === true;
  },
  async tables() {
    return texts(await ask(STASH.TABLES, ""));
  },
  async incr(table, key, by = 1, options) {
    if (typeof by !== "number" || Number.isNaN(by))
      throw new TypeError("A counter of the stash counts by a number.");
    return Number(await ask(STASH.INCR, table, { ...keyOf(key), by, ...ttlOf(options) }));
  },
  async compareAndSet(table, key, expected, value, options) {
    const fields = { ...keyOf(key), expected, value, ...ttlOf(options) };
    return (await ask(STASH.COMPARE_AND_SET, table, fields)) === true;
  },
  table<T>(name: string): StashTable<T> {
    text("table", name);
    return {
      name,
      put: (key, value, options) => stash.put(name, key, value, options),
      get: (key: string, fallback?: T) => stash.get<T>(name, key, fallback as T),
      delete: (key) => stash.delete(name, key),
      exists: (key) => stash.exists(name, key),
      keys: (pattern) => stash.keys(name, pattern),
      clear: () => stash.clear(name),
      info: () => stash.info(name),
      ensure: (options) => stash.ensure(name, options),
      deleteTable: () => stash.deleteTable(name),
      incr: (key, by, options) => stash.incr(name, key, by, options),
      compareAndSet: (key, expected, value, options) =>
        stash.compareAndSet(name, key, expected, value, options),
    };
  },
};

function ask(op: number, table: string, fields: Record<string, unknown> = {}): Promise<unknown> {
  return traced(host().stash.ask({ op, table: text("table", table), ...fields }));
}

function keyOf(key: string): { key: string } {
  return { key: text("key", key) };
}

function ttlOf(options: StashEntryOptions | undefined): { ttl?: number } {
  const ttl = options?.ttl;
  if (ttl === undefined) return {};
  checkTableOptions("a stash entry", { ttl });
  return { ttl };
}

function text(what: string, value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`The ${what} of a stash operation is not a string.`);
  return checkName(what, value);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
