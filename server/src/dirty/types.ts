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

type Reserved = keyof DirtyApp | "constructor" | "with" | "then" | "catch" | "finally" | "toJSON";

type ActionName<K> = K extends string ? (K extends Reserved | `_${string}` ? never : K) : never;

type CallOf<R> =
  R extends AsyncIterable<infer T>
    ? DirtyStream<T>
    : R extends Generator<infer T, unknown, unknown>
      ? DirtyStream<T>
      : DirtyResult<Awaited<R>>;

/** The actions of an app as its callers see them. */
export type DirtyActions<A extends DirtyApp> = {
  [K in keyof A as A[K] extends (...args: never[]) => unknown ? ActionName<K> : never]: A[K] extends (
    ...args: infer P
  ) => infer R
    ? (...args: P) => CallOf<R>
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
