/**
 * A record of the stash's log: u32 length, u32 CRC-32 of length and payload, and as the payload a dict.
 *
 * | key | what |
 * |---|---|
 * | k | kind of the change, 1 to 5; none: only an operation that was answered |
 * | t, n, v, x | table, entry's key, value, time at which it expires |
 * | e, b, l | bounds: entries, bytes, ms to live |
 * | c, i, a, r | client, its operation's id, the id up to which all of its operations are answered, and the result |
 */
import { crc32 } from "node:zlib";
import { EncodedValue } from "../protocol/encoded-value.ts";
import { DirtyProtocolError } from "../protocol/errors.ts";
import { writeU32 } from "../protocol/header.ts";
import type { Reader } from "../protocol/tlv.ts";
import { decodeTlv, findFields } from "../protocol/tlv-reader.ts";
import { SLAB_SIZE, TlvWriter } from "../protocol/tlv-writer.ts";
import type { Change } from "./stash-store.ts";

/** Bytes in front of a record's payload. */
export const RECORD_HEAD = 8;
/** The most bytes of a payload: those of a message, and some for what stands in no message. */
export const MAX_RECORD: number = 64 * 1024 * 1024 + 8192;

/** An operation that was carried out, so that it is answered and not carried out when it is sent again. */
export interface Answered {
  readonly client: string;
  readonly id: number;
  readonly answered: number;
  readonly result: unknown;
}

/** What a record says. */
export interface LogRecord {
  readonly change?: Change;
  readonly answered?: Answered;
}

const KINDS = ["set", "remove", "clear", "drop", "bound"] as const;

/** Writes records, each into the memory of the one before it. */
export class RecordWriter extends TlvWriter {
  override reader: Reader = "ours";

  /**
   * @returns the record's bytes, good until the next one.
   * @throws DirtyProtocolError when it is larger than a record may be.
   */
  write(record: LogRecord): Buffer {
    // What one large value needed is not kept for the small ones that follow.
    if (this.slab.length > SLAB_SIZE) this.slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
    this.position = RECORD_HEAD;
    this.whole(toDict(record), 0, 0);
    const { slab, position } = this;
    writeU32(slab, 0, position - RECORD_HEAD);
    writeU32(slab, 4, checksum(slab.subarray(RECORD_HEAD, position)));
    return slab.subarray(0, position);
  }
}

/**
 * Reads a record's payload.
 * @returns undefined when the record was not written whole.
 */
export function readRecord(head: Buffer, payload: Buffer): LogRecord | undefined {
  if (head.readUInt32BE(4) !== checksum(payload)) return undefined;
  try {
    return fromFields(payload);
  } catch (error) {
    if (error instanceof DirtyProtocolError) return undefined;
    throw error;
  }
}

function checksum(payload: Buffer): number {
  // Begun with the length: a file may end with zeros, and a head of zeros must not pass for a record.
  return crc32(payload, payload.length);
}

function toDict({ change, answered }: LogRecord): Record<string, unknown> {
  const dict: Record<string, unknown> = {};
  if (change !== undefined) {
    dict["k"] = KINDS.indexOf(change.kind) + 1;
    dict["t"] = change.table;
    if (change.kind === "set" || change.kind === "remove") dict["n"] = change.key;
    if (change.kind === "set") {
      dict["v"] = change.value;
      if (change.expires !== Number.POSITIVE_INFINITY) dict["x"] = change.expires;
    }
    if (change.kind === "bound") {
      dict["e"] = change.bounds.maxEntries;
      dict["b"] = change.bounds.maxBytes;
      dict["l"] = change.bounds.ttl;
    }
  }
  if (answered !== undefined) {
    dict["c"] = answered.client;
    dict["i"] = answered.id;
    dict["a"] = answered.answered;
    dict["r"] = answered.result;
  }
  return dict;
}

function fromFields(payload: Buffer): LogRecord {
  const fields = findFields(payload, 0, payload.length);
  const get = (name: string): unknown => {
    const range = fields.get(name);
    return range === undefined ? undefined : decodeTlv(payload, range.start, range.end, 1);
  };
  const text = (name: string): string => {
    const value = get(name);
    if (typeof value !== "string")
      throw new DirtyProtocolError(`The field "${name}" of a record is not text.`);
    return value;
  };
  const number = (name: string): number => {
    const value = get(name);
    if (typeof value !== "number")
      throw new DirtyProtocolError(`The field "${name}" of a record is not a number.`);
    return value;
  };
  const change = (): Change => {
    const kind = KINDS[number("k") - 1];
    const table = text("t");
    switch (kind) {
      case "set": {
        const value = fields.get("v");
        if (value === undefined) throw new DirtyProtocolError("A record has no value.");
        const expires = fields.has("x") ? number("x") : Number.POSITIVE_INFINITY;
        return {
          kind,
          table,
          key: text("n"),
          value: EncodedValue.of(payload, value.start, value.end),
          expires,
        };
      }
      case "remove":
        return { kind, table, key: text("n") };
      case "bound":
        return { kind, table, bounds: { maxEntries: number("e"), maxBytes: number("b"), ttl: number("l") } };
      case "clear":
      case "drop":
        return { kind, table };
      default:
        throw new DirtyProtocolError("A record is of an unknown kind.");
    }
  };
  return {
    ...(fields.has("k") ? { change: change() } : undefined),
    ...(fields.has("c")
      ? { answered: { client: text("c"), id: number("i"), answered: number("a"), result: get("r") } }
      : undefined),
  };
}
