import { type DirtyRequest, requestStorage } from "./request.ts";
import type { StashTableOptions } from "./stash-table-options.ts";

/** Marks the base class, also in another copy of this package that an app may have imported. */
export const APP_BASE: symbol = Symbol.for("tsunicorn.DirtyApp");

/**
 * Base of every dirty app: a class whose instances live in dirty workers, keep something heavy loaded, and
 * whose methods (actions) HTTP workers call.
 *
 * An action is a method that the app's author wrote on a class between the instance and `DirtyApp`: no
 * field, no getter, nothing that begins with `_`, and none of `init`, `close`, `constructor`, `with` and
 * `then`. TypeScript's `private` hides nothing at run time; `#name` and `_name` do. A generator action
 * streams, and so does one whose result can be iterated and is not a value. Any other action gives one result.
 * Values that cross are null, undefined, booleans, numbers, bigints of 64 bits, strings, bytes, typed arrays, arrays
 * and plain objects.
 */
export abstract class DirtyApp {
  /** The most dirty workers that load this app. Default: all of them. */
  static workers?: number;
  /** How many requests one worker runs at once for this app. Default: 1. */
  static concurrency?: number;
  /**
   * Units of each resource that the app needs for itself in every worker that loads it, as `{ gpu: 1 }`. They come
   * from the setting `resources`, are in the worker's environment before `init` (gpu: `CUDA_VISIBLE_DEVICES`, any
   * other: `RESOURCE_NAME`), and go back when the worker's process ends. Default: none.
   */
  static resources?: Readonly<Record<string, number>>;
  /**
   * Generator actions that can go on where another worker stopped: when a worker dies in mid-stream, the action is
   * called again with the same arguments, `this.request.emitted` holds the chunks that were delivered, and it
   * yields what comes behind them. Default: none.
   */
  static continues?: readonly string[];
  /**
   * Tables of the stash that are made before `init()`: their names, or an object of their bounds by name. A table
   * that is there already gets these bounds and keeps what it holds.
   */
  static stashes?: readonly string[] | Readonly<Record<string, StashTableOptions>>;

  /**
   * The request that the running action serves; each of many that run at once sees its own, also after
   * every `await` and `yield`.
   * @throws Error outside of an action.
   */
  get request(): DirtyRequest {
    const request = requestStorage().getStore();
    if (request === undefined) {
      throw new Error(
        "this.request is only there while an action runs, not in init(), close() or a constructor.",
      );
    }
    return request;
  }

  /** Called once in each worker, before it takes requests. Load the model here. */
  init(): void | Promise<void> {}

  /** Called once when the worker ends. Free what `init` took. */
  close(): void | Promise<void> {}
}

Object.defineProperty(DirtyApp.prototype, APP_BASE, { value: true });
