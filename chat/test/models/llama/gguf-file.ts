/** A value of a GGUF file's head. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly f32s: readonly number[] }
  | { readonly i32s: readonly number[] };

/** A matrix of numbers, one row after the other. */
export interface GgufTensor {
  readonly name: string;
  readonly columns: number;
  /** Left out, it is a vector. */
  readonly rows?: number;
  readonly at: (row: number, column: number) => number;
}

const VERSION = 3;
const ALIGNMENT = 32;
// GGUF's numbers for its types.
const TYPE = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, list: 9 } as const;
const F32_TENSOR = 0;

/** Grows as it is written to. All numbers of the format are little-endian. */
class Bytes {
  readonly parts: Buffer[] = [];
  length = 0;

  add(part: Buffer): void {
    this.parts.push(part);
    this.length += part.length;
  }

  u32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.add(part);
  }

  u64(value: number): void {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    this.add(part);
  }

  numbers(values: Float32Array | Int32Array): void {
    this.add(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  }

  text(value: string): void {
    const part = Buffer.from(value);
    this.u64(part.length);
    this.add(part);
  }

  align(): void {
    this.add(Buffer.alloc(aligned(this.length) - this.length));
  }
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

function writeValue(bytes: Bytes, value: GgufValue): void {
  if ("u32" in value) {
    bytes.u32(TYPE.u32);
    bytes.u32(value.u32);
  } else if ("f32" in value) {
    bytes.u32(TYPE.f32);
    bytes.numbers(Float32Array.of(value.f32));
  } else if ("bool" in value) {
    bytes.u32(TYPE.bool);
    bytes.add(Buffer.of(value.bool ? 1 : 0));
  } else if ("text" in value) {
    bytes.u32(TYPE.text);
    bytes.text(value.text);
  } else {
    bytes.u32(TYPE.list);
    writeList(bytes, value);
  }
}

function writeList(
  bytes: Bytes,
  value: Extract<GgufValue, { texts: unknown } | { f32s: unknown } | { i32s: unknown }>,
): void {
  if ("texts" in value) {
    bytes.u32(TYPE.text);
    bytes.u64(value.texts.length);
    for (const text of value.texts) bytes.text(text);
  } else if ("f32s" in value) {
    bytes.u32(TYPE.f32);
    bytes.u64(value.f32s.length);
    bytes.numbers(Float32Array.from(value.f32s));
  } else {
    bytes.u32(TYPE.i32);
    bytes.u64(value.i32s.length);
    bytes.numbers(Int32Array.from(value.i32s));
  }
}

/** The bytes of a GGUF file: a head of named values, a table of tensors, and their numbers. */
export function ggufFile(head: Readonly<Record<string, GgufValue>>, tensors: readonly GgufTensor[]): Buffer {
  const bytes = new Bytes();
  bytes.add(Buffer.from("GGUF"));
  bytes.u32(VERSION);
  bytes.u64(tensors.length);
  bytes.u64(Object.keys(head).length);
  for (const [name, value] of Object.entries(head)) {
    bytes.text(name);
    writeValue(bytes, value);
  }
  let offset = 0;
  for (const { name, columns, rows } of tensors) {
    bytes.text(name);
    bytes.u32(rows === undefined ? 1 : 2);
    bytes.u64(columns);
    if (rows !== undefined) bytes.u64(rows);
    bytes.u32(F32_TENSOR);
    bytes.u64(offset);
    offset = aligned(offset + columns * (rows ?? 1) * 4);
  }
  bytes.align();
  for (const { columns, rows = 1, at } of tensors) {
    const numbers = new Float32Array(columns * rows);
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) numbers[row * columns + column] = at(row, column);
    bytes.numbers(numbers);
    bytes.align();
  }
  return Buffer.concat(bytes.parts);
}
