import { endianness } from "node:os";
import { DirtyProtocolError } from "./errors.ts";

/** An array of bytes or numbers that crosses as its memory. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

interface Element {
  /** Bytes of one. */
  readonly size: number;
  /** Makes the array over memory of its own. */
  readonly over: (memory: ArrayBuffer) => ArrayBuffer | ArrayBufferView;
}

// Float16Array came with Node 24; TypeScript's library for older ones does not know it.
const { Float16Array: Half } = globalThis as {
  Float16Array?: { new (memory: ArrayBuffer): ArrayBufferView };
};

/**
 * The elements by their codes on the wire: the letters of Python's `struct`, and two of our own for what Python has no
 * letter for: `C` for clamped bytes, `A` for an ArrayBuffer.
 */
export const ELEMENTS: Readonly<Record<string, Element>> = {
  A: { size: 1, over: (memory) => memory },
  B: { size: 1, over: (memory) => new Uint8Array(memory) },
  C: { size: 1, over: (memory) => new Uint8ClampedArray(memory) },
  b: { size: 1, over: (memory) => new Int8Array(memory) },
  h: { size: 2, over: (memory) => new Int16Array(memory) },
  H: { size: 2, over: (memory) => new Uint16Array(memory) },
  i: { size: 4, over: (memory) => new Int32Array(memory) },
  I: { size: 4, over: (memory) => new Uint32Array(memory) },
  q: { size: 8, over: (memory) => new BigInt64Array(memory) },
  Q: { size: 8, over: (memory) => new BigUint64Array(memory) },
  f: { size: 4, over: (memory) => new Float32Array(memory) },
  d: { size: 8, over: (memory) => new Float64Array(memory) },
  // Where this Node has none, the same numbers in the next larger kind.
  e: { size: 2, over: (memory) => (Half === undefined ? widened(memory) : new Half(memory)) },
};

// By the tag, which views have that come from another copy of the class too, as in a worker thread's context.
const CODES: Readonly<Record<string, string>> = {
  Uint8Array: "B",
  Uint8ClampedArray: "C",
  Int8Array: "b",
  Int16Array: "h",
  Uint16Array: "H",
  Int32Array: "i",
  Uint32Array: "I",
  BigInt64Array: "q",
  BigUint64Array: "Q",
  Float16Array: "e",
  Float32Array: "f",
  Float64Array: "d",
};

/** The code of a view's elements; undefined for a DataView, which has none. */
export function elementOf(view: ArrayBufferView): string | undefined {
  const tag = (view as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  return typeof tag === "string" ? CODES[tag] : undefined;
}

const SWAPPED = endianness() === "BE";

/** Puts elements of `size` bytes into the order of the wire, or of this machine, in place. On nearly all they are the same. */
export function swapElements(bytes: Buffer, size: number): void {
  if (!SWAPPED) return;
  if (size === 2) bytes.swap16();
  else if (size === 4) bytes.swap32();
  else if (size === 8) bytes.swap64();
}

/**
 * Makes the array whose elements stand in `buffer` between `start` and `end`. It has memory of its own, and no more
 * than it needs.
 * @throws DirtyProtocolError when the code is unknown, or the bytes are not a whole number of elements.
 */
export function readElements(code: number, buffer: Buffer, start: number, end: number): unknown {
  const element = ELEMENTS[String.fromCharCode(code)];
  if (element === undefined)
    throw new DirtyProtocolError(`0x${code.toString(16)} is not a type of elements.`);
  const { size, over } = element;
  if ((end - start) % size !== 0) {
    throw new DirtyProtocolError(`${end - start} bytes are not a whole number of elements of ${size} bytes.`);
  }
  const memory = new ArrayBuffer(end - start);
  const bytes = Buffer.from(memory);
  buffer.copy(bytes, 0, start, end);
  swapElements(bytes, size);
  return over(memory);
}

/** Numbers of 16 bits as numbers of 32 (IEEE 754: 1 bit of sign, 5 of exponent, 10 of fraction). */
function widened(memory: ArrayBuffer): Float32Array {
  return Float32Array.from(new Uint16Array(memory), (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}
