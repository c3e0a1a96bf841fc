import type { TypedArray } from "../protocol/typed-arrays.ts";
import type { DirtyApp } from "./app.ts";
import type { CallOptions } from "./call-options.ts";

/** A plain action's call: await it. Iterated, it yields its one result. */
export interface DirtyResult<T> extends Promise<T>, AsyncIterable<T> {}

/**
 * A generator action's call: iterate it. The compiler refuses to await it, since a stream has no one
 * result; at run time awaiting it rejects.
 */
export interface DirtyStream<T> extends AsyncIterable<T> {
  /**
   * The stream as arrays of all that came together. For those who forward it: a fast stream costs a step for
   * each read instead of one for each chunk. Its use is the call's one iteration.
   */
  batches(): AsyncIterable<T[]>;
  /**
   * Starts the call, and resolves when it waits in its app's queue or has a slot, before its first chunk; rejects
   * with the call's error when it failed before that. Iterate the stream then, as ever.
   */
  accepted(): Promise<void>;
  then: (aStreamCannotBeAwaited: never) => never;
}

/**
 * Stands where an app's type has a value that cannot cross between processes: nothing is assignable to it, and it cannot
 * be called. Dates, Maps, Sets, functions, symbols and objects with methods cannot cross; the table in
 * docs/dirty-apps.md says what can.
 */
export interface CannotCross<What extends "an argument" | "the result" | "a chunk"> {
  readonly "cannot cross between processes": [What, never];
}

type Reserved = keyof DirtyApp | "constructor" | "with" | "then" | "catch" | "finally" | "toJSON";

type ActionName<K> = K extends string ? (K extends Reserved | `_${string}` ? never : K) : never;

// `void` is what an action without a result has.
// biome-ignore lint/suspicious/noConfusingVoidType: see above.
type Scalar = string | number | bigint | boolean | null | undefined | void;

/** Arrays of bytes and of numbers, which arrive as what they are. */
type Memory = ArrayBuffer | TypedArray | HalfArray;

/** Float16Array, by what it has: a library for older Nodes does not know it. */
interface HalfArray {
  readonly [Symbol.toStringTag]: "Float16Array";
  readonly BYTES_PER_ELEMENT: number;
}

type Method = (...args: never) => unknown;

// Neither is what can be anything, nor what can be nothing.
type IsMethod<T> = unknown extends T
  ? false
  : [T] extends [never]
    ? false
    : [T] extends [Method]
      ? true
      : false;

/** Whether an object has methods, and so is not a plain one. Its other properties are not looked at then. */
type HasMethods<T> = true extends { [K in keyof T]: IsMethod<T[K]> }[keyof T] ? true : false;

// An object that only has a name and a message is not an error.
type IsError<T> = T extends Error ? ("stack" extends keyof T ? true : false) : false;

/** T with `never` in place of each value in it that cannot cross. What can be anything is let be: it is looked at when it is sent. */
type Crossing<T> = unknown extends T
  ? T
  : T extends Scalar | Memory
    ? T
    : T extends symbol | Method | (abstract new (...args: never) => unknown)
      ? never
      : T extends readonly (infer Item)[]
        ? // Its items alone: a mapped array would have the compiler look into lists of lists without end.
          { readonly [at: number]: Crossing<Item> }
        : true extends IsError<T> | HasMethods<T>
          ? never
          : { [K in keyof T]: K extends symbol ? never : Crossing<T[K]> };

type Crosses<T> = [T] extends [Crossing<T>] ? true : false;

// Of a rest parameter, `P` has no end: mapped as a tuple it stays what it is, its names too.
type Arguments<P extends unknown[]> = {
  [I in keyof P]: Crosses<P[I]> extends true ? P[I] : CannotCross<"an argument">;
};

type Streamed<P extends unknown[], T> =
  Crosses<T> extends true ? (...args: Arguments<P>) => DirtyStream<T> : CannotCross<"a chunk">;

type Returned<P extends unknown[], T> =
  Crosses<T> extends true ? (...args: Arguments<P>) => DirtyResult<T> : CannotCross<"the result">;

/** What is iterated for its values, and is not a value itself. */
type Sequence<T> = T extends
  | readonly unknown[]
  | Memory
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | InstanceType<StringConstructor>
  ? never
  : T extends object
    ? T extends AsyncIterable<infer V>
      ? V
      : T extends Iterable<infer V>
        ? V
        : never
    : never;

type CallOf<P extends unknown[], R> = unknown extends R
  ? (...args: Arguments<P>) => DirtyResult<R>
  : [Sequence<R>] extends [never]
    ? Returned<P, R>
    : Streamed<P, Sequence<R>>;

/** The actions of an app as its callers see them. One whose result cannot cross cannot be called. */
export type DirtyActions<A extends DirtyApp> = {
  [K in keyof A as A[K] extends (...args: never[]) => unknown ? ActionName<K> : never]: A[K] extends (
    ...args: infer P
  ) => infer R
    ? CallOf<P, Awaited<R>>
    : never;
};

/** The typed client of an app. */
export type DirtyAppClient<A extends DirtyApp> = DirtyActions<A> & {
  /**
   * The same client with options bound to its calls: a signal, a timeout in seconds, a request id, a stream id, a
   * listener for places in the queue.
   * @throws TypeError when one of them is of a wrong kind.
   */
  with(options: CallOptions): DirtyAppClient<A>;
};
