/**
 * The values that cross the wire, as type-length-value. Numbers are big-endian.
 *
 * | code | value | body |
 * |---|---|---|
 * | 0x00 | null | none |
 * | 0x01 | boolean | 1 byte |
 * | 0x05 | int64 | 8 bytes |
 * | 0x06 | float64 | 8 bytes |
 * | 0x10 | bytes | u32 length, bytes |
 * | 0x11 | string | u32 length, UTF-8 |
 * | 0x20 | list | u32 count, values |
 * | 0x21 | dict | u32 count, (string value, value) pairs |
 *
 * Ours, between processes that said HELLO. Gunicorn knows none of them, so {@link Reader} says who reads:
 *
 * | code | value | body | for Gunicorn |
 * |---|---|---|---|
 * | 0x40 | undefined | none | null |
 * | 0x41 | bigint | 8 bytes, as int64 | int64 |
 * | 0x42 | array of bytes or of numbers | u8 element (see {@link ELEMENTS}), u32 length in bytes, the elements, little-endian | bytes, or a list of numbers |
 */
import { DirtyProtocolError } from "./errors.ts";
import { MAX_PAYLOAD } from "./header.ts";

/** The type codes. */
export const TLV = {
  NONE: 0x00,
  BOOL: 0x01,
  INT64: 0x05,
  FLOAT64: 0x06,
  BYTES: 0x10,
  STRING: 0x11,
  LIST: 0x20,
  DICT: 0x21,
  UNDEFINED: 0x40,
  BIGINT: 0x41,
  ARRAY: 0x42,
} as const;

/** Who will read what is written: a process of this server, or a peer that may know only Gunicorn's types. */
export type Reader = "ours" | "gunicorn";

/** The most bytes of one string or byte value. */
export const MAX_BYTES = MAX_PAYLOAD;
/** The most items of one list or dict. */
export const MAX_ITEMS = 1_048_576;
/** The most lists and dicts inside one another. */
export const MAX_DEPTH = 64;

/** The error of a length or a count over its limit. */
export function tooMany(what: string, count: number, limit: number, unit: string): DirtyProtocolError {
  return new DirtyProtocolError(`A ${what} of ${count} ${unit} is over the limit of ${limit}.`);
}
