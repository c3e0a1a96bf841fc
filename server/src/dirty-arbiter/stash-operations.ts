import { isDeepStrictEqual } from "node:util";
import type { EncodedValue } from "../protocol/encoded-value.ts";
import { StashError, StashTableNotFoundError } from "../protocol/errors.ts";
import { STASH, type StashRequest, type WireStashInfo } from "../protocol/stash-messages.ts";
import { decodeTlv } from "../protocol/tlv-reader.ts";
import { encodeValue } from "../protocol/tlv-writer.ts";
import { KeySearch } from "./key-search.ts";
import type { Change, StashStore } from "./stash-store.ts";

/** What an operation answers, and what it changes: nothing has changed yet. */
export interface Outcome {
  /** Undefined: there is no such entry. */
  readonly result: unknown;
  readonly change?: Change;
}

const NULL = encodeValue(null);
/** Bytes of an encoded number. */
const NUMBER_SIZE: number = encodeValue(0).size;

/** Whether an operation may change something. */
export function changes(op: number): boolean {
  return !READING.has(op);
}

const READING = new Set<number>([STASH.GET, STASH.KEYS, STASH.INFO, STASH.TABLES, STASH.EXISTS]);

/**
 * Finds out what an operation comes to. The caller writes the change down, and then makes it.
 * @throws StashError when it cannot be done.
 */
export function plan(store: StashStore, request: StashRequest, now: number): Outcome {
  const { op, table } = request;
  switch (op) {
    case STASH.PUT:
      return { result: true, change: set(store, request, request.value ?? NULL, now) };
    case STASH.GET:
      return { result: store.find(table, keyOf(request), now)?.value };
    case STASH.DELETE: {
      const key = keyOf(request);
      if (store.find(table, key, now) === undefined) return { result: false };
      return { result: true, change: { kind: "remove", table, key } };
    }
    case STASH.KEYS:
      return { result: keys(store, request, now) };
    case STASH.CLEAR:
      if ((store.tables.get(table)?.entries.size ?? 0) === 0) return { result: true };
      return { result: true, change: { kind: "clear", table } };
    case STASH.INFO:
      return { result: info(store, table, now) };
    case STASH.ENSURE:
      return ensure(store, request);
    case STASH.DELETE_TABLE:
      if (!store.tables.has(table)) return { result: false };
      return { result: true, change: { kind: "drop", table } };
    case STASH.TABLES:
      return { result: [...store.tables.keys()] };
    case STASH.EXISTS: {
      const { key } = request;
      const found = key === undefined ? store.tables.has(table) : store.find(table, key, now) !== undefined;
      return { result: found };
    }
    case STASH.INCR:
      return incr(store, request, now);
    case STASH.COMPARE_AND_SET:
      return compareAndSet(store, request, now);
    default:
      throw new StashError(`The stash knows no operation ${op}.`);
  }
}

function set(
  store: StashStore,
  request: StashRequest,
  value: EncodedValue,
  now: number,
  expires = now + (request.ttl === undefined ? store.boundsOf(request.table).ttl : request.ttl * 1000),
): Change {
  const { table } = request;
  const key = keyOf(request);
  store.checkRoom(table, key, value, now);
  return { kind: "set", table, key, value, expires };
}

/** Begins to look for what `keys` answers. */
export function searchKeys(store: StashStore, { table, pattern }: StashRequest, now: number): KeySearch {
  return new KeySearch(store.tables.get(table)?.entries.values() ?? [], pattern, now);
}

function keys(store: StashStore, request: StashRequest, now: number): string[] {
  const search = searchKeys(store, request, now);
  while (!search.turn());
  return search.take();
}

function info(store: StashStore, name: string, now: number): WireStashInfo {
  store.expire(now);
  const table = store.tables.get(name);
  if (table === undefined) {
    throw new StashTableNotFoundError(`The stash has no table "${name}".`, { details: { table: name } });
  }
  const { entries, bytes, bounds } = table;
  return {
    size: entries.size,
    table: name,
    bytes,
    max_entries: bounds.maxEntries,
    max_bytes: bounds.maxBytes,
    ttl: bounds.ttl === Number.POSITIVE_INFINITY ? null : bounds.ttl / 1000,
  };
}

function ensure(store: StashStore, { table, maxEntries, maxBytes, ttl }: StashRequest): Outcome {
  const old = store.boundsOf(table);
  const bounds = {
    maxEntries: maxEntries ?? old.maxEntries,
    maxBytes: maxBytes ?? old.maxBytes,
    ttl: ttl === undefined ? old.ttl : ttl * 1000,
  };
  if (store.tables.has(table) && isDeepStrictEqual(bounds, old)) return { result: true };
  store.checkTable(table);
  return { result: true, change: { kind: "bound", table, bounds } };
}

function incr(store: StashStore, request: StashRequest, now: number): Outcome {
  const { table, by } = request;
  const key = keyOf(request);
  const old = store.find(table, key, now);
  // Any other value than a number is not read: it may be 64 MiB.
  const before = old === undefined ? 0 : old.value.size === NUMBER_SIZE && decodeTlv(old.value.bytes());
  if (typeof before !== "number") {
    throw new StashError(
      `The entry "${key}" of the stash table "${table}" is not a number that can be counted on.`,
    );
  }
  const after = before + by;
  // A whole number that is not exact any more would count wrong without a sign of it.
  if (!Number.isFinite(after) || (Number.isInteger(after) && !Number.isSafeInteger(after))) {
    throw new StashError(
      `The entry "${key}" of the stash table "${table}" cannot count to ${after} exactly.`,
    );
  }
  // A counter keeps the time that it began with, or one that is counted on often would never end.
  return { result: after, change: set(store, request, encodeValue(after), now, old?.expires) };
}

function compareAndSet(store: StashStore, request: StashRequest, now: number): Outcome {
  const { table, expected, value } = request;
  const key = keyOf(request);
  const old = store.find(table, key, now);
  if (!equal(old?.value, expected)) return { result: false };
  if (value !== undefined) return { result: true, change: set(store, request, value, now) };
  if (old === undefined) return { result: true };
  return { result: true, change: { kind: "remove", table, key } };
}

function equal(a: EncodedValue | undefined, b: EncodedValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  // Equal values have equally many bytes, in whatever order their keys are.
  if (a.size !== b.size) return false;
  return a.same(b) || isDeepStrictEqual(decodeTlv(a.bytes()), decodeTlv(b.bytes()));
}

function keyOf({ key }: StashRequest): string {
  if (key === undefined) throw new StashError("A stash operation has no key.");
  return key;
}
