import { AsyncLocalStorage } from "node:async_hooks";

/** The request that an action serves, as `this.request` shows it. */
export interface DirtyRequest {
  /** The request's id: the HTTP request's `X-Request-Id`, or one made for the call. */
  readonly id: string;
  /**
   * Aborted when the result is not wanted any more (the client left), when the run's time is over, and at
   * shutdown once the graceful timeout has run out.
   */
  readonly signal: AbortSignal;
  /** When the run's time is over, in ms since the epoch (as `Date.now()`). */
  readonly deadline: number;
  /** The chunks that an earlier worker already delivered; empty on a first run. */
  readonly emitted: readonly unknown[];
}

/** The request of a run, with the hand on its signal that only the worker has. */
export class RequestContext implements DirtyRequest {
  readonly id: string;
  readonly deadline: number;
  readonly emitted: readonly unknown[];
  private reason: unknown;
  private aborted = false;
  private controller: AbortController | undefined;

  constructor(id: string, deadline: number, emitted: readonly unknown[]) {
    this.id = id;
    this.deadline = deadline;
    this.emitted = emitted;
  }

  // Made on first use: an action that never looks at its signal does not pay for one.
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.aborted) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  /** Aborts the signal, now or as soon as it is asked for. */
  static abort(context: RequestContext, reason: unknown): void {
    if (context.aborted) return;
    context.aborted = true;
    context.reason = reason;
    context.controller?.abort(reason);
  }
}

const KEY = Symbol.for("tsunicorn.request");
const slot = globalThis as { [KEY]?: AsyncLocalStorage<RequestContext> };

/**
 * Where a run's request is kept while its code runs. One for the process, also when two copies of this
 * package are loaded: the worker's and the one that the app imported.
 */
export function requestStorage(): AsyncLocalStorage<RequestContext> {
  slot[KEY] ??= new AsyncLocalStorage<RequestContext>();
  return slot[KEY];
}
