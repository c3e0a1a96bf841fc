/**
 * Every kind of value, once: whether it crosses. The types of a client and what happens at run time are both held to this
 * table, so that neither can promise what the other does not keep.
 */

class Point {
  x = 1;
}

class Counter {
  count = 0;
  add(): void {
    this.count++;
  }
}

interface Row {
  readonly id: number;
  readonly name?: string;
  readonly vector: Float32Array;
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

interface Boxed {
  number: InstanceType<typeof Number>;
  text: InstanceType<typeof String>;
  boolean: InstanceType<typeof Boolean>;
}

/** What arrives as what it is. */
export const CROSSING = {
  text: () => "grüße 🎈" as string,
  emptyText: () => "" as string,
  literal: () => "stop" as "stop" | "length",
  number: () => 42 as number,
  largest: () => Number.MAX_SAFE_INTEGER as number,
  beyond: () => (2 ** 53) as number,
  huge: () => 1e300 as number,
  minusZero: () => -0 as number,
  notANumber: () => Number.NaN as number,
  infinity: () => Number.NEGATIVE_INFINITY as number,
  smallBigint: () => 10n as bigint,
  largeBigint: () => (2n ** 63n - 1n) as bigint,
  boolean: () => true as boolean,
  null: () => null,
  undefined: () => undefined,
  nothing: (): void => {},
  perhaps: () => undefined as string | undefined,
  list: () => [1, "a", null] as (number | string | null)[],
  tuple: () => ["a", 1] as const,
  undefinedInside: () => [undefined, 1] as (number | undefined)[],
  row: () => ({ id: 1, vector: Float32Array.of(1.5) }) as Row,
  rows: () => [{ id: 1, name: "a", vector: Float32Array.of() }] as Row[],
  dict: () => ({ a: { b: 1n } }) as Record<string, Record<string, bigint>>,
  json: () => ({ a: [1, { b: "c" }] }) as Json,
  // It has the two texts of an error, but is a plain object.
  said: () => ({ name: "Ada", message: "hello" }),
  buffer: () => Buffer.from("ab") as Buffer,
  arrayBuffer: () => new Uint8Array([1, 2, 3]).buffer as ArrayBuffer,
  uint8: () => Uint8Array.of(0, 255) as Uint8Array,
  uint8Clamped: () => Uint8ClampedArray.of(0, 255) as Uint8ClampedArray,
  int8: () => Int8Array.of(-128, 127) as Int8Array,
  int16: () => Int16Array.of(-1, 1) as Int16Array,
  uint16: () => Uint16Array.of(65535) as Uint16Array,
  int32: () => Int32Array.of(-(2 ** 31)) as Int32Array,
  uint32: () => Uint32Array.of(2 ** 32 - 1) as Uint32Array,
  float32: () => Float32Array.of(0.1, Number.NaN) as Float32Array,
  float64: () => Float64Array.of(0.1, -0) as Float64Array,
  bigInt64: () => BigInt64Array.of(-(2n ** 63n)) as BigInt64Array,
  bigUint64: () => BigUint64Array.of(2n ** 64n - 1n) as BigUint64Array,
  getter: () => ({
    get a(): number {
      return 1;
    },
  }),
  anything: () => ({ a: 1 }) as unknown,
} satisfies Record<string, () => unknown>;

/** What the types forbid, and is refused at run time with its name. */
export const REFUSED = {
  date: () => new Date(0),
  map: () => new Map([["a", 1]]),
  set: () => new Set([1]),
  weakMap: () => new WeakMap<object, number>(),
  regExp: () => /a/,
  error: () => new Error("no"),
  typeError: () => new TypeError("no"),
  url: () => new URL("http://localhost"),
  function: () => () => 1,
  class: () => Point,
  symbol: () => Symbol("a"),
  instance: () => new Counter(),
  dataView: () => new DataView(new ArrayBuffer(8)),
  sharedMemory: () => new SharedArrayBuffer(8),
  boxedNumber: () => Object(1) as Boxed["number"],
  boxedText: () => Object("a") as Boxed["text"],
  boxedBoolean: () => Object(true) as Boxed["boolean"],
  inside: () => ({ rows: [{ at: new Date(0) }] }),
  insideList: () => [new Map<string, number>()],
  method: () => ({ run: (): number => 1 }),
  perhaps: () => new Date(0) as Date | undefined,
} satisfies Record<string, () => unknown>;

/** What is iterated for its values. */
export const STREAMED = {
  generator: function* () {
    yield 1;
    yield 2;
  } as () => Generator<number, void, undefined>,
  asyncGenerator: async function* () {
    yield 1;
    yield 2;
  } as () => AsyncGenerator<number, void, undefined>,
  laterGenerator: async () => STREAMED.asyncGenerator(),
  arrayIterator: () => [1, 2].values(),
  mapIterator: () =>
    new Map([
      ["a", 1],
      ["b", 2],
    ]).values(),
  setIterator: () => new Set([1, 2]).values(),
  iterable: (): Iterable<number> => ({
    *[Symbol.iterator]() {
      yield 1;
      yield 2;
    },
  }),
  asyncIterable: (): AsyncIterable<number> => ({
    async *[Symbol.asyncIterator]() {
      yield 1;
      yield 2;
    },
  }),
  webStream: () =>
    new ReadableStream<number>({
      start(controller) {
        controller.enqueue(1);
        controller.enqueue(2);
        controller.close();
      },
    }),
};
