/**
 * Raw bytes for tests, written apart from production's writer: a mistake made there must not be made here
 * as well, or no test would see it.
 */
import { FrameReader } from "../../src/protocol/frame-reader.ts";
import type { RequestId } from "../../src/protocol/header.ts";

/** The bytes of an unsigned 32-bit number. */
export function u32(value: number): Buffer {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, value);
  return Buffer.from(view.buffer);
}

/** A string value; also of bytes, so that they can be broken UTF-8. */
export function rawString(text: string | Uint8Array): Buffer {
  const body = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return Buffer.concat([Buffer.of(0x11), u32(body.length), body]);
}

/** A bytes value. */
export function rawBytes(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x10), u32(bytes.length), bytes]);
}

/** An int64 value. */
export function rawInt(value: bigint): Buffer {
  const view = new DataView(new ArrayBuffer(9));
  view.setUint8(0, 0x05);
  view.setBigInt64(1, value);
  return Buffer.from(view.buffer);
}

/** A float64 value. */
export function rawFloat(value: number): Buffer {
  const view = new DataView(new ArrayBuffer(9));
  view.setUint8(0, 0x06);
  view.setFloat64(1, value);
  return Buffer.from(view.buffer);
}

/** A list of items that are already bytes. */
export function rawList(...items: Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(0x20), u32(items.length), ...items]);
}

/** A dict of values that are already bytes. */
export function rawDict(...pairs: [key: string, value: Uint8Array][]): Buffer {
  const parts = pairs.flatMap(([key, value]) => [rawString(key), value]);
  return Buffer.concat([Buffer.of(0x21), u32(pairs.length), ...parts]);
}

/** The bytes that the wire's rules give for a value; `undefined` within it is not covered. */
export function rawValue(value: unknown): Buffer {
  if (value === null) return Buffer.of(0x00);
  if (typeof value === "boolean") return Buffer.of(0x01, value ? 0x01 : 0x00);
  if (typeof value === "bigint") return rawInt(value);
  if (typeof value === "string") return rawString(value);
  if (typeof value === "number") {
    const whole = Number.isInteger(value) && Math.abs(value) < 2 ** 53 && !Object.is(value, -0);
    return whole ? rawInt(BigInt(value)) : rawFloat(value);
  }
  if (value instanceof Uint8Array) return rawBytes(value);
  if (Array.isArray(value)) return rawList(...value.map(rawValue));
  return rawDict(
    ...Object.entries(value as object).map(([key, item]): [string, Buffer] => [key, rawValue(item)]),
  );
}

/** A header; each field can be made wrong. */
export function rawHeader(
  type: number,
  id: RequestId,
  length: number,
  { magic = "GD", version = 1 }: { magic?: string; version?: number } = {},
): Buffer {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(magic));
  view.setUint8(2, version);
  view.setUint8(3, type);
  view.setUint32(4, length);
  view.setBigUint64(8, BigInt(id));
  return Buffer.from(bytes);
}

/** A whole frame around a payload. */
export function rawFrame(type: number, id: RequestId, payload: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.concat([rawHeader(type, id, payload.length), payload]);
}

/** Reads a hex text that may have spaces and line ends in it. */
export function hex(text: string): Buffer {
  const digits = text.replaceAll(/\s/g, "");
  const bytes = Buffer.from(digits, "hex");
  if (bytes.length * 2 !== digits.length) throw new Error(`No hex: ${text}`);
  return bytes;
}

/** A frame as a test looks at it, its payload copied. */
export interface Seen {
  type: number;
  id: RequestId;
  payload: Buffer;
}

/** Whether two lists of frames are the same; much faster than comparing large payloads byte by byte. */
export function sameFrames(left: Seen[], right: Seen[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ type, id, payload }, index) => {
      const other = right[index];
      return other?.type === type && other.id === id && other.payload.equals(payload);
    })
  );
}

/** A reader that keeps a copy of each frame in `seen`. */
export function collector(): { reader: FrameReader; seen: Seen[] } {
  const seen: Seen[] = [];
  const reader = new FrameReader((type, id, buffer, start, end) => {
    seen.push({ type, id, payload: Buffer.from(buffer.subarray(start, end)) });
  });
  return { reader, seen };
}
