import { isUtf8 } from "node:buffer";
import { DirtyProtocolError } from "./errors.ts";
import { readU32 } from "./header.ts";
import { MAX_BYTES, MAX_DEPTH, MAX_ITEMS, TLV, tooMany } from "./tlv.ts";
import { readElements } from "./typed-arrays.ts";

const TWO_32 = 0x1_0000_0000;
// Up to this length a loop over the bytes beats the call into the runtime; above it the engine would build a rope instead of a string.
const TINY = 10;

/**
 * Decodes the one value between `start` and `end`. `depth` says how many lists and dicts it stands in.
 * @throws DirtyProtocolError when it is truncated, has bytes behind it, or breaks a limit.
 */
export function decodeTlv(buffer: Buffer, start = 0, end: number = buffer.length, depth = 0): unknown {
  const reader = new TlvReader(buffer, start, end);
  const value = reader.value(depth);
  if (reader.position !== end) {
    throw new DirtyProtocolError(`${end - reader.position} bytes follow the end of a value.`);
  }
  return value;
}

/** Where a value lies in its buffer. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the values of a dict by their keys, without building them: for code that keeps a value's bytes as they are.
 * All of them are looked at as closely as `decodeTlv` does.
 * @throws DirtyProtocolError when it is not a dict, or not well formed.
 */
export function findFields(buffer: Buffer, start: number, end: number): Map<string, Range> {
  const reader = new TlvReader(buffer, start, end);
  const fields = reader.fields();
  if (reader.position !== end) {
    throw new DirtyProtocolError(`${end - reader.position} bytes follow the end of a value.`);
  }
  return fields;
}

/** A piece of encoded bytes. */
export interface Part extends Range {
  /** Whether it is one value of a type that Gunicorn does not know. */
  readonly isOurs: boolean;
}

/** Cuts a well-formed value into what Gunicorn can read as it is, and the values in it of types that only we have. */
export function* partsForGunicorn(buffer: Buffer): Generator<Part, void, undefined> {
  let start = 0;
  let at = 0;
  while (at < buffer.length) {
    const type = buffer[at] ?? 0;
    const end = at + sizeAt(buffer, at, type);
    if (type >= TLV.UNDEFINED) {
      if (at > start) yield { start, end: at, isOurs: false };
      yield { start: at, end, isOurs: true };
      start = end;
    }
    at = end;
  }
  if (at > start) yield { start, end: at, isOurs: false };
}

/** Bytes of what stands there, of a list or dict those before its items. */
function sizeAt(buffer: Buffer, at: number, type: number): number {
  switch (type) {
    case TLV.NONE:
    case TLV.UNDEFINED:
      return 1;
    case TLV.BOOL:
      return 2;
    case TLV.STRING:
    case TLV.BYTES:
      return 5 + buffer.readUInt32BE(at + 1);
    case TLV.LIST:
    case TLV.DICT:
      return 5;
    case TLV.ARRAY:
      return 6 + buffer.readUInt32BE(at + 2);
    default:
      return 9;
  }
}

class TlvReader {
  private readonly buffer: Buffer;
  private readonly end: number;
  position: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
  }

  value(depth: number): unknown {
    const at = this.take(1);
    const type = this.buffer[at];
    switch (type) {
      case TLV.STRING:
        return this.string();
      case TLV.DICT:
        return this.dict(depth);
      case TLV.LIST:
        return this.list(depth);
      case TLV.INT64:
        return this.integer();
      case TLV.FLOAT64:
        return this.buffer.readDoubleBE(this.take(8));
      case TLV.BOOL:
        return this.buffer[this.take(1)] !== 0;
      case TLV.NONE:
        return null;
      case TLV.BYTES: {
        const length = this.length("byte value", MAX_BYTES, "bytes");
        const start = this.take(length);
        // A copy: a view would keep the whole read alive for as long as the value lives.
        return Buffer.from(this.buffer.subarray(start, start + length));
      }
      default:
        return this.own(type);
    }
  }

  /** A value of a type that only we have. Apart, so that the way of all others stays short. */
  private own(type: number | undefined): unknown {
    switch (type) {
      case TLV.ARRAY: {
        const code = this.buffer[this.take(1)] ?? 0;
        const length = this.length("byte value", MAX_BYTES, "bytes");
        const start = this.take(length);
        return readElements(code, this.buffer, start, start + length);
      }
      case TLV.BIGINT:
        return this.buffer.readBigInt64BE(this.take(8));
      case TLV.UNDEFINED:
        return undefined;
      default:
        throw new DirtyProtocolError(`0x${type?.toString(16)} is not a type of value.`);
    }
  }

  /** The fields of the dict that stands here. */
  fields(): Map<string, Range> {
    if (this.buffer[this.take(1)] !== TLV.DICT)
      throw new DirtyProtocolError("A message's payload is not a dict.");
    const fields = new Map<string, Range>();
    for (let left = this.count("dict", 0, 6); left > 0; left--) {
      const key = this.key();
      const start = this.position;
      this.skip(1);
      fields.set(key, { start, end: this.position });
    }
    return fields;
  }

  /** Moves over a value, as strictly as `value` reads it. */
  private skip(depth: number): void {
    switch (this.buffer[this.position]) {
      case TLV.STRING: {
        this.take(1);
        const length = this.length("string", MAX_BYTES, "bytes");
        const start = this.take(length);
        if (!isUtf8(this.buffer.subarray(start, start + length))) throw invalidText();
        return;
      }
      case TLV.BYTES:
        this.take(1);
        this.take(this.length("byte value", MAX_BYTES, "bytes"));
        return;
      case TLV.LIST:
        this.take(1);
        for (let left = this.count("list", depth, 1); left > 0; left--) this.skip(depth + 1);
        return;
      case TLV.DICT:
        this.take(1);
        for (let left = this.count("dict", depth, 6); left > 0; left--) {
          this.key();
          this.skip(depth + 1);
        }
        return;
      default:
        this.value(depth);
    }
  }

  /** Moves `bytes` on, and returns where they begin. */
  private take(bytes: number): number {
    const start = this.position;
    if (bytes > this.end - start) {
      throw new DirtyProtocolError(`A value is cut off: ${bytes} bytes expected, ${this.end - start} left.`);
    }
    this.position = start + bytes;
    return start;
  }

  private length(what: string, limit: number, unit: string): number {
    const length = readU32(this.buffer, this.take(4));
    if (length > limit) throw tooMany(what, length, limit, unit);
    return length;
  }

  private string(): string {
    const length = this.length("string", MAX_BYTES, "bytes");
    const start = this.take(length);
    return decodeString(this.buffer, start, start + length);
  }

  private integer(): number | bigint {
    const at = this.take(8);
    const { buffer } = this;
    const value = (readU32(buffer, at) | 0) * TWO_32 + readU32(buffer, at + 4);
    return Number.isSafeInteger(value) ? value : buffer.readBigInt64BE(at);
  }

  private count(what: string, depth: number, least: number): number {
    const count = this.length(what, MAX_ITEMS, "items");
    if (depth >= MAX_DEPTH) {
      throw new DirtyProtocolError(`A value is nested more than ${MAX_DEPTH} levels deep.`);
    }
    if (count * least > this.end - this.position) {
      throw new DirtyProtocolError(`A ${what} announces ${count} items, but ends before them.`);
    }
    return count;
  }

  private list(depth: number): unknown[] {
    const count = this.count("list", depth, 1);
    const items: unknown[] = [];
    for (let index = 0; index < count; index++) items.push(this.value(depth + 1));
    return items;
  }

  private key(): string {
    if (this.buffer[this.take(1)] !== TLV.STRING) {
      throw new DirtyProtocolError("A dict has a key that is not a string.");
    }
    return this.string();
  }

  private dict(depth: number): Record<string, unknown> {
    const count = this.count("dict", depth, 6);
    const result: Record<string, unknown> = {};
    for (let index = 0; index < count; index++) {
      const key = this.key();
      const item = this.value(depth + 1);
      if (key === "__proto__") {
        // Assigned, it would change the object's prototype instead of becoming a property.
        Object.defineProperty(result, key, {
          value: item,
          writable: true,
          enumerable: true,
          configurable: true,
        });
      } else {
        result[key] = item;
      }
    }
    return result;
  }
}

/**
 * Decodes UTF-8.
 * @throws DirtyProtocolError when the bytes are not UTF-8.
 */
export function decodeString(buffer: Buffer, start: number, end: number): string {
  // Tokens are short and mostly ASCII: put together here they cost less than the call into the runtime.
  if (end - start <= TINY) {
    let text = "";
    let at = start;
    for (; at < end; at++) {
      const code = buffer[at] ?? 0;
      if (code > 0x7f) break;
      text += String.fromCharCode(code);
    }
    if (at === end) return text;
  }
  const text = buffer.toString("utf8", start, end);
  // The decoder replaces what is invalid; only text that holds a replacement needs the second look.
  if (text.includes("\uFFFD") && !isUtf8(buffer.subarray(start, end))) {
    throw invalidText();
  }
  return text;
}

function invalidText(): DirtyProtocolError {
  return new DirtyProtocolError("A string is not valid UTF-8.");
}
