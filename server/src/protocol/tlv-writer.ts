import { EncodedValue } from "./encoded-value.ts";
import { MAX_PAYLOAD, writeU32 } from "./header.ts";
import { MAX_BYTES, MAX_DEPTH, MAX_ITEMS, type Reader, TLV, tooMany } from "./tlv.ts";
import { decodeTlv, partsForGunicorn } from "./tlv-reader.ts";
import { ELEMENTS, elementOf, swapElements } from "./typed-arrays.ts";
import { article, kindOf, UnsendableError } from "./unsendable.ts";

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

/**
 * Writes values one behind the other into slabs of memory. A slab is never written twice, so what was
 * handed to a socket stays as it was; a full slab is left to the socket and a new one begun.
 */
export class TlvWriter {
  /** Who reads it. */
  reader: Reader = "gunicorn";
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
   * Writes one value. As a property `undefined` is left out, as in JSON.
   * @throws UnsendableError when the value, or one inside it, cannot cross.
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
        this.reserve(1);
        this.slab[this.position++] = this.reader === "ours" ? TLV.UNDEFINED : TLV.NONE;
        return;
      case "bigint":
        this.bigint(value);
        return;
      case "object":
        if (value === null) this.none();
        else this.object(value, depth);
        return;
      default:
        throw new UnsendableError(`A ${typeof value} cannot cross between processes`);
    }
  }

  /**
   * Writes the one value that a sender gave.
   * @param skipped how many lists and dicts on the way to a value at fault are not the sender's.
   * @throws DirtyProtocolError when the value, or one inside it, cannot cross; it says where that stands.
   */
  protected whole(value: unknown, depth: number, skipped: number): void {
    try {
      this.value(value, depth);
    } catch (error) {
      throw error instanceof UnsendableError ? error.told(skipped) : error;
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

  private bigint(value: bigint): void {
    if (value < INT64_MIN || value > INT64_MAX) {
      throw new UnsendableError("A bigint beyond 64 bits cannot cross", "send it as a string");
    }
    this.reserve(9);
    this.slab[this.position] = this.reader === "ours" ? TLV.BIGINT : TLV.INT64;
    this.slab.writeBigInt64BE(value, this.position + 1);
    this.position += 9;
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
    if (bytes > MAX_BYTES) throw over("string", bytes, MAX_BYTES, "bytes");
    slab[start] = TLV.STRING;
    writeU32(slab, start + 1, bytes);
    this.position = at;
  }

  private object(value: object, depth: number): void {
    if (depth >= MAX_DEPTH) {
      throw new UnsendableError(`A value is nested more than ${MAX_DEPTH} levels deep`, "", value);
    }
    if (Array.isArray(value)) {
      this.list(value, depth);
      return;
    }
    if (ArrayBuffer.isView(value)) {
      this.view(value, depth);
      return;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) this.dict(value, depth);
    else if (value instanceof EncodedValue) this.encodedValue(value, depth);
    else if (value instanceof ArrayBuffer) this.memory("A", new Uint8Array(value));
    else throw unsendable(value);
  }

  private list(value: ArrayLike<unknown>, depth: number): void {
    // Read once: were the count and the items to differ, the peer would lose its place in the stream.
    const { length } = value;
    this.head(TLV.LIST, length, "list");
    let index = 0;
    try {
      for (; index < length; index++) this.value(value[index], depth + 1);
    } catch (error) {
      throw error instanceof UnsendableError ? error.within(value, index) : error;
    }
  }

  private dict(value: object, depth: number): void {
    // A generator's like: its values are behind a symbol, and as a dict it would be empty.
    if (Symbol.iterator in value || Symbol.asyncIterator in value) {
      throw new UnsendableError(
        "An object that can be iterated cannot cross between processes",
        "send an array",
      );
    }
    const keys = Object.keys(value);
    // From the mark, which stays where it is when the bytes move into a new slab.
    const begin = this.position - this.mark;
    this.head(TLV.DICT, keys.length, "dict");
    let count = 0;
    let at = "";
    try {
      for (const key of keys) {
        const item: unknown = (value as Readonly<Record<string, unknown>>)[key];
        if (item === undefined) continue;
        count++;
        at = key;
        this.string(key);
        this.value(item, depth + 1);
      }
      if (count < keys.length) writeU32(this.slab, this.mark + begin + 1, count);
    } catch (error) {
      throw error instanceof UnsendableError ? error.within(value, at) : error;
    }
  }

  private view(value: ArrayBufferView, depth: number): void {
    const element = elementOf(value);
    if (element === undefined) throw unsendable(value);
    const bytes =
      value instanceof Uint8Array ? value : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (Buffer.isBuffer(value)) this.byteValue(bytes);
    else if (this.reader === "ours" || element === "B" || element === "C") this.memory(element, bytes);
    else this.list(value as unknown as ArrayLike<unknown>, depth);
  }

  private byteValue(value: Uint8Array): void {
    if (value.length > MAX_BYTES) throw over("byte value", value.length, MAX_BYTES, "bytes");
    this.reserve(5 + value.length);
    this.slab[this.position] = TLV.BYTES;
    writeU32(this.slab, this.position + 1, value.length);
    this.slab.set(value, this.position + 5);
    this.position += 5 + value.length;
  }

  /** Writes the memory of an array whose elements have that code; for Gunicorn it is bytes. */
  private memory(element: string, value: Uint8Array): void {
    if (this.reader === "gunicorn") {
      this.byteValue(value);
      return;
    }
    const { length } = value;
    if (length > MAX_BYTES) throw over("byte value", length, MAX_BYTES, "bytes");
    this.reserve(6 + length);
    const { slab, position } = this;
    slab[position] = TLV.ARRAY;
    slab[position + 1] = element.charCodeAt(0);
    writeU32(slab, position + 2, length);
    slab.set(value, position + 6);
    swapElements(slab.subarray(position + 6, position + 6 + length), ELEMENTS[element]?.size ?? 1);
    this.position = position + 6 + length;
  }

  private encodedValue(value: EncodedValue, depth: number): void {
    if (this.reader === "ours") {
      this.reserve(value.size);
      this.position += value.copyTo(this.slab, this.position);
      return;
    }
    const bytes = value.bytes();
    for (const { start, end, isOurs } of partsForGunicorn(bytes)) {
      if (isOurs) {
        this.value(decodeTlv(bytes, start, end), depth);
      } else {
        this.reserve(end - start);
        this.position += bytes.copy(this.slab, this.position, start, end);
      }
    }
  }

  private head(type: number, count: number, what: string): void {
    if (count > MAX_ITEMS) throw over(what, count, MAX_ITEMS, "items");
    this.reserve(5);
    this.slab[this.position] = type;
    writeU32(this.slab, this.position + 1, count);
    this.position += 5;
  }
}

function over(...about: Parameters<typeof tooMany>): UnsendableError {
  return new UnsendableError(tooMany(...about).message.replace(/\.$/, ""));
}

function unsendable(value: object): UnsendableError {
  const kind = kindOf(value);
  return new UnsendableError(
    `${article(kind)} ${kind} cannot cross between processes`,
    "send plain objects, arrays, typed arrays, strings, numbers, bigints, booleans, bytes or null",
  );
}

/** Writes one value on its own: for tests and for values that are kept rather than sent. */
class SingleValue extends TlvWriter {
  encode(value: unknown): Buffer {
    this.whole(value, 0, 0);
    return this.slab.subarray(this.mark, this.position);
  }

  /** The same into memory that is used again for the next value. */
  encodeOnce(value: unknown): EncodedValue {
    try {
      this.whole(value, 0, 0);
      if (this.position > MAX_PAYLOAD) throw tooMany("value", this.position, MAX_PAYLOAD, "bytes");
      return EncodedValue.of(this.slab, 0, this.position);
    } finally {
      this.position = 0;
      // What one large value needed is not kept for the small ones that follow.
      if (this.slab.length > SLAB_SIZE) this.slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
    }
  }
}

let encoder: SingleValue | undefined;

/**
 * Encodes one value to keep.
 * @param reader who will read it. Default: processes of this server.
 * @throws DirtyProtocolError when it cannot cross.
 */
export function encodeValue(value: unknown, reader: Reader = "ours"): EncodedValue {
  // Taken away while it is used: a getter of the value may come here again.
  const writer = encoder ?? new SingleValue();
  encoder = undefined;
  writer.reader = reader;
  try {
    return writer.encodeOnce(value);
  } finally {
    encoder = writer;
  }
}

/**
 * Encodes one value.
 * @param reader who will read it. Default: a peer that may know only Gunicorn's types.
 * @throws DirtyProtocolError when it cannot cross.
 */
export function encodeTlv(value: unknown, reader: Reader = "gunicorn"): Buffer {
  const writer = new SingleValue();
  writer.reader = reader;
  return writer.encode(value);
}
