/**
 * What a STASH message asks for, and what answers it.
 *
 * Gunicorn's part, byte for byte. An answer is RESPONSE `{result}` or ERROR. Our own clients get a long list of keys in parts:
 * CHUNK `{data}`, any number of them, and the rest in the RESPONSE.
 *
 * | op | operation | fields | result |
 * |---|---|---|---|
 * | 1 | put | table, key, value | true |
 * | 2 | get | table, key | the value; no entry: an ERROR with the type `StashKeyNotFoundError` |
 * | 3 | delete | table, key | whether there was one |
 * | 4 | keys | table, pattern? | the keys, those that match the glob |
 * | 5 | clear | table | true |
 * | 6 | info | table | `{size, table}` and our `{bytes, max_entries, max_bytes, ttl}`; no table: `StashTableNotFoundError` |
 * | 7 | ensure | table | true |
 * | 8 | delete table | table | whether there was one |
 * | 9 | tables | | their names |
 * | 10 | exists | table, key? | whether there is one |
 *
 * Ours, which any client may use:
 *
 * | op | operation | fields | result |
 * |---|---|---|---|
 * | 0x20 | incr | table, key, by, ttl? | the number after it |
 * | 0x21 | compare and set | table, key, expected?, value?, ttl? | whether it was set; a field that is not there stands for no entry |
 *
 * `put` takes a `ttl` in seconds, `ensure` takes `max_entries`, `max_bytes` and `ttl`. `answered`, from our own
 * clients, is the request id up to which each of their operations has been answered.
 */
import { EncodedValue } from "./encoded-value.ts";
import { StashError } from "./errors.ts";
import { decodeTlv, findFields } from "./tlv-reader.ts";

/** The codes of the operations. */
export const STASH = {
  PUT: 1,
  GET: 2,
  DELETE: 3,
  KEYS: 4,
  CLEAR: 5,
  INFO: 6,
  ENSURE: 7,
  DELETE_TABLE: 8,
  TABLES: 9,
  EXISTS: 10,
  INCR: 0x20,
  COMPARE_AND_SET: 0x21,
} as const;

/** The most UTF-8 bytes of a key, of a table's name and of a pattern. */
export const MAX_NAME_BYTES = 1024;

/** The type under which `get` says that there is no entry. It is an answer, and no error class of its own. */
export const KEY_NOT_FOUND = "StashKeyNotFoundError";

/** A STASH message. */
export interface StashRequest {
  readonly op: number;
  readonly table: string;
  readonly key: string | undefined;
  readonly pattern: string | undefined;
  readonly value: EncodedValue | undefined;
  readonly expected: EncodedValue | undefined;
  readonly by: number;
  /** Seconds; Infinity: for ever; undefined: as the table says. */
  readonly ttl: number | undefined;
  readonly maxEntries: number | undefined;
  readonly maxBytes: number | undefined;
  /** The client has the answers to all its operations up to this id. */
  readonly answered: number;
}

/** What stands in the answer to `info`. `ttl` is in seconds, null: entries stay for ever. */
export interface WireStashInfo {
  size: number;
  table: string;
  bytes: number;
  max_entries: number;
  max_bytes: number;
  ttl: number | null;
}

/**
 * Reads STASH.
 * @throws DirtyProtocolError when the bytes are not a dict of values. StashError when a field is of a wrong kind: an
 *   answer then, because a foreign client's key may be anything.
 */
export function readStash(buffer: Buffer, start: number, end: number): StashRequest {
  const fields = findFields(buffer, start, end);
  const get = (name: string): unknown => {
    const range = fields.get(name);
    return range === undefined ? undefined : (decodeTlv(buffer, range.start, range.end, 1) ?? undefined);
  };
  const encoded = (name: string): EncodedValue | undefined => {
    const range = fields.get(name);
    return range === undefined ? undefined : EncodedValue.of(buffer, range.start, range.end);
  };
  return {
    op: whole("op", get("op")) ?? 0,
    table: name("table", get("table")) ?? "",
    key: name("key", get("key")),
    pattern: name("pattern", get("pattern")),
    value: encoded("value"),
    expected: encoded("expected"),
    by: number("by", get("by")) ?? 1,
    ttl: positive("ttl", get("ttl")),
    maxEntries: positive("max_entries", whole("max_entries", get("max_entries"))),
    maxBytes: positive("max_bytes", whole("max_bytes", get("max_bytes"))),
    answered: whole("answered", get("answered")) ?? 0,
  };
}

/**
 * Looks at a key, a table's name or a pattern.
 * @throws StashError when it is not a string, or too long.
 */
export function checkName(what: string, value: unknown): string {
  if (typeof value !== "string") throw new StashError(`The ${what} of a stash operation is not a string.`);
  // Counting the bytes is only worth it where there may be too many.
  if (value.length * 3 > MAX_NAME_BYTES && Buffer.byteLength(value) > MAX_NAME_BYTES) {
    throw new StashError(
      `The ${what} of a stash operation has ${Buffer.byteLength(value)} bytes; at most ${MAX_NAME_BYTES} are allowed.`,
    );
  }
  return value;
}

function name(what: string, value: unknown): string | undefined {
  return value === undefined ? undefined : checkName(what, value);
}

function number(what: string, value: unknown): number | undefined {
  if (value === undefined || (typeof value === "number" && !Number.isNaN(value))) return value;
  throw new StashError(`The field "${what}" of a stash operation is not a number.`);
}

function whole(what: string, value: unknown): number | undefined {
  if (value === undefined || (typeof value === "number" && Number.isSafeInteger(value))) return value;
  throw new StashError(`The field "${what}" of a stash operation is not a whole number.`);
}

function positive(what: string, value: unknown): number | undefined {
  const given = number(what, value);
  if (given === undefined || given > 0) return given;
  throw new StashError(`The field "${what}" of a stash operation is ${given}; it must be more than 0.`);
}
