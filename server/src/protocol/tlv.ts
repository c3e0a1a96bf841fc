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
 */
import { isUtf8 } from "node:buffer";
import { DirtyProtocolError } from "./errors.ts";
import { MAX_PAYLOAD, writeU32 } from "./header.ts";

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
} as const;

/** The most bytes of one string or byte value. */
export const MAX_BYTES = MAX_PAYLOAD;
/** The most items of one list or dict. */
export const MAX_ITEMS = 1_048_576;
/** The most lists and dicts inside one another. */
export const MAX_DEPTH = 64;

/** Bytes of a fresh slab. */
export const SLAB_SIZE: number = 64 * 1024;

const TWO_32 = 0x1_0000_0000;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
// What is being written may not pass this, whatever it will become. It is a little over the exact limit,
// because a string reserves three bytes a character before its length in bytes is known.
const MAX_WRITTEN = MAX_PAYLOAD + 4 * SLAB_SIZE;
// Below this length a loop over the characters beats the call into the runtime.
const SHORT = 24;
// The same the other way; above this the engine would build a rope instead of a string.
const TINY = 10;

/**
 * Writes values one behind the other into slabs of memory. A slab is never written twice, so what was
 * handed to a socket stays as it was; a full slab is left to the socket and a new one begun.
 */
export class TlvWriter {
  protected slab: Buffer = Buffer.allocUnsafeSlow(SLAB_SIZE);
  protected position = 0;
  /** Where the bytes begin that must stay in one piece: they move along into a new slab. */
  protected mark = 0;

  /** Called before a slab is left behind. */
  protected retire(): void {}

  /**
   * Makes room for `bytes` more.
   * @throws DirtyProtocolError when what is being written grows past what one message may have.
   */
  protected reserve(bytes: number): void {
    if (this.position + bytes <= this.slab.length) return;
    const kept = this.position - this.mark;
    // Said while it grows: at its end a value that uses one large part many times would have taken gigabytes.
    if (kept + bytes > MAX_WRITTEN) throw tooMany("value", kept + bytes, MAX_PAYLOAD, "bytes");
    const next = Buffer.allocUnsafeSlow(Math.max(SLAB_SIZE, (kept + bytes) * 2));
    this.slab.copy(next, 0, this.mark, this.position);
    this.retire();
    this.slab = next;
    this.mark = 0;
    this.position = kept;
  }

  /**
   * Writes one value. `undefined` crosses as null, and as a property it is left out, as in JSON.
   * @throws DirtyProtocolError when the value, or one inside it, cannot cross.
   */
  protected value(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
        this.string(value);
        return;
      case "number":
        this.number(value);
        return;
      case "boolean":
        this.reserve(2);
        this.slab[this.position++] = TLV.BOOL;
        this.slab[this.position++] = value ? 1 : 0;
        return;
      case "undefined":
        this.none();
        return;
      case "bigint":
        if (value < INT64_MIN || value > INT64_MAX) {
          throw new DirtyProtocolError("A bigint beyond 64 bits cannot cross; send it as a string.");
        }
        this.reserve(9);
        this.slab[this.position] = TLV.INT64;
        this.slab.writeBigInt64BE(value, this.position + 1);
        this.position += 9;
        return;
      case "object":
        if (value === null) this.none();
        else this.object(value, depth);
        return;
      default:
        throw new DirtyProtocolError(`A ${typeof value} cannot cross between processes.`);
    }
  }

  private none(): void {
    this.reserve(1);
    this.slab[this.position++] = TLV.NONE;
  }

  private number(value: number): void {
    this.reserve(9);
    const { slab, position } = this;
    // -0 has no int64; as a float it stays what it is.
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      slab[position] = TLV.INT64;
      writeU32(slab, position + 1, Math.floor(value / TWO_32));
      writeU32(slab, position + 5, value >>> 0);
    } else {
      slab[position] = TLV.FLOAT64;
      slab.writeDoubleBE(value, position + 1);
    }
    this.position = position + 9;
  }

  private string(value: string): void {
    const { length } = value;
    this.reserve(5 + (length > SLAB_SIZE ? Buffer.byteLength(value) : length * 3));
    const { slab } = this;
    const start = this.position;
    let at = start + 5;
    if (length < SHORT) {
      let index = 0;
      for (; index < length; index++) {
        const code = value.charCodeAt(index);
        if (code > 0x7f) break;
        slab[at++] = code;
      }
      if (index < length) at = start + 5 + slab.write(value, start + 5);
    } else {
      at += slab.write(value, at);
    }
    const bytes = at - start - 5;
    if (bytes > MAX_BYTES) throw tooMany("string", bytes, MAX_BYTES, "bytes");
    slab[start] = TLV.STRING;
    writeU32(slab, start + 1, bytes);
    this.position = at;
  }

  private object(value: object, depth: number): void {
    if (depth >= MAX_DEPTH) {
      throw new DirtyProtocolError(`A value is nested more than ${MAX_DEPTH} levels deep.`);
    }
    if (Array.isArray(value)) {
      // Read once: were the count and the items to differ, the peer would lose its place in the stream.
      const { length } = value;
      this.head(TLV.LIST, length, "list");
      for (let index = 0; index < length; index++) this.value(value[index], depth + 1);
      return;
    }
    if (value instanceof Uint8Array) {
      if (value.length > MAX_BYTES) throw tooMany("byte value", value.length, MAX_BYTES, "bytes");
      this.reserve(5 + value.length);
      this.slab[this.position] = TLV.BYTES;
      writeU32(this.slab, this.position + 1, value.length);
      this.slab.set(value, this.position + 5);
      this.position += 5 + value.length;
      return;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      const name = (value as { constructor?: { name?: string } }).constructor?.name ?? "object";
      throw new DirtyProtocolError(
        `A ${name} cannot cross between processes; send plain objects, arrays, strings, numbers, booleans, bytes or null.`,
      );
    }
    const entries = Object.entries(value).filter((entry) => entry[1] !== undefined);
    this.head(TLV.DICT, entries.length, "dict");
    for (const [key, item] of entries) {
      this.string(key);
      this.value(item, depth + 1);
    }
  }

  private head(type: number, count: number, what: string): void {
    if (count > MAX_ITEMS) throw tooMany(what, count, MAX_ITEMS, "items");
    this.reserve(5);
    this.slab[this.position] = type;
    writeU32(this.slab, this.position + 1, count);
    this.position += 5;
  }
}

/** Writes one value on its own: for tests and for values that are kept rather than sent. */
class SingleValue extends TlvWriter {
  encode(value: unknown): Buffer {
    this.value(value, 0);
    return this.slab.subarray(this.mark, this.position);
  }
}

/**
 * Encodes one value.
 * @throws DirtyProtocolError when it cannot cross.
 */
export function encodeTlv(value: unknown): Buffer {
  return new SingleValue().encode(value);
}

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
        throw new DirtyProtocolError(`0x${type?.toString(16)} is no type of value.`);
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
    const length = this.buffer.readUInt32BE(this.take(4));
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
    const value = this.buffer.readInt32BE(at) * TWO_32 + this.buffer.readUInt32BE(at + 4);
    return Number.isSafeInteger(value) ? value : this.buffer.readBigInt64BE(at);
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

  private dict(depth: number): Record<string, unknown> {
    const count = this.count("dict", depth, 6);
    const result: Record<string, unknown> = {};
    for (let index = 0; index < count; index++) {
      if (this.buffer[this.take(1)] !== TLV.STRING) {
        throw new DirtyProtocolError("A dict has a key that is no string.");
      }
      const key = this.string();
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
 * @throws DirtyProtocolError when the bytes are no UTF-8.
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
    throw new DirtyProtocolError("A string is no valid UTF-8.");
  }
  return text;
}

function tooMany(what: string, count: number, limit: number, unit: string): DirtyProtocolError {
  return new DirtyProtocolError(`A ${what} of ${count} ${unit} is over the limit of ${limit}.`);
}
