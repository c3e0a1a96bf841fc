import { monotonicMs } from "../process/clock.ts";
import {
  DirtyConnectionError,
  DirtyError,
  DirtyQueueTimeoutError,
  DirtyTimeoutError,
  DirtyWorkerError,
} from "../protocol/errors.ts";
import type { Placed } from "../protocol/messages.ts";
import { WINDOW } from "../protocol/window.ts";
import type { ArbiterLink, PlaceListener } from "./arbiter-link.ts";
import type { CallOptions } from "./call-options.ts";
import { type BatchStep, Inbox, type InboxOwner, type Step } from "./inbox.ts";
import type { RunListener, WorkerLink, WorkerLinks } from "./worker-link.ts";

/** What is called. */
export interface CallTarget {
  /** Canonical name of the app. */
  app: string;
  action: string;
  args: unknown[];
  /** A foreign client's keyword arguments; the action gets them as one plain object, its last argument. */
  kwargs?: Record<string, unknown>;
}

/** What all calls of a process share. */
export interface CallContext {
  readonly arbiter: ArbiterLink;
  readonly workers: WorkerLinks;
  /** `dirtyTimeout` in ms. */
  readonly timeoutMs: number;
  /** `dirtyQueueTimeout` in ms. */
  readonly queueTimeoutMs: number;
  /** Makes an id for a call that was given none. */
  nextRequestId(): string;
}

// A request that kills the worker it is given to must not eat the fleet.
const MAX_LOST_BEFORE_START = 3;
// A refusal is a race that the next placement wins; more of them in a row are a fault.
const MAX_REFUSED = 10;
// The dirty arbiter and the worker keep the deadlines and say so; this side keeps them too, that much later,
// for those that cannot tell: a worker that spins or is stopped, a dirty arbiter that is gone.
const QUEUE_BACKSTOP_MS = 1000;
const RUN_BACKSTOP_MS = 100;
/** Seconds after which to come back where the dirty arbiter did not say: the most that it ever says. */
const RETRY_AFTER_SILENCE = 30;

/**
 * One request from its placement to its end. Every call is received as a stream of steps: a plain action
 * has one step, its result. It is told of events by the links, and settles once.
 *
 * It is a class with methods where closures would do, because thousands of calls are open at once.
 */
export class Call implements PlaceListener, RunListener, InboxOwner {
  private readonly context: CallContext;
  private readonly app: string;
  private readonly action: string;
  private readonly args: unknown[];
  private readonly kwargs: Record<string, unknown> | undefined;
  private readonly options: CallOptions;
  private arrival = 0;
  private timer: NodeJS.Timeout | undefined;
  private placeId: number | undefined;
  private link: WorkerLink | undefined;
  private runId = 0;
  private begun = false;
  private lostBefore = 0;
  private refusals = 0;
  private readonly inbox = new Inbox(this);
  private uncredited = 0;
  private finished = false;
  private acceptance: { promise: Promise<void>; resolve(): void; reject(error: unknown): void } | undefined;
  private taken = false;
  private failure: { error: unknown } | undefined;
  /** Whether the action turned out to stream; undefined until that is known. */
  streams: boolean | undefined;

  constructor(context: CallContext, target: CallTarget, options: CallOptions) {
    this.context = context;
    this.app = target.app;
    this.action = target.action;
    this.args = target.args;
    this.kwargs = target.kwargs;
    this.options = options;
  }

  /** Asks for a slot. Called once. */
  start(): void {
    const { signal } = this.options;
    if (signal?.aborted === true) {
      this.fail(signal.reason);
      return;
    }
    signal?.addEventListener("abort", this, { once: true });
    this.arrival = monotonicMs();
    this.place();
  }

  /** The next step: a chunk, or a plain action's result; or `done`. */
  next(): Promise<Step> {
    return this.inbox.next();
  }

  /** All chunks that have come, or come with the next read. */
  nextBatch(): Promise<BatchStep> {
    return this.inbox.nextBatch();
  }

  /** Cancels without waiting: nothing that the run still sends is received. */
  cancel(reason: unknown): void {
    if (this.finished) return;
    this.leave();
    this.inbox.discard();
    this.fail(reason);
  }

  /** Cancels for whoever left the loop: there is nothing more for them, and no error either. */
  quit(): void {
    this.leave();
    this.release();
    this.inbox.leave();
  }

  /**
   * Resolves when the call waits in its app's queue or has a slot; rejects with what ended it before that.
   */
  accepted(): Promise<void> {
    if (this.acceptance === undefined) {
      let resolve = (): void => {};
      let reject = (_error: unknown): void => {};
      const promise = new Promise<void>((accept, refuse) => {
        resolve = accept;
        reject = refuse;
      });
      // Who only iterates gets the error there.
      promise.catch(() => {});
      this.acceptance = { promise, resolve, reject };
      if (this.taken) resolve();
      else if (this.finished) reject(this.failure?.error ?? new DirtyError("The call was given up."));
    }
    return this.acceptance.promise;
  }

  /** The abort signal's listener. */
  handleEvent(): void {
    this.cancel(this.options.signal?.reason);
  }

  placed(placed: Placed): void {
    const { context } = this;
    const timeout = this.timeoutMs();
    const link = context.workers.get(placed.socket);
    try {
      this.runId = link.run(
        {
          slot: placed.slot,
          app: this.app,
          action: this.action,
          args: this.args,
          kwargs: this.kwargs,
          ms_left: timeout,
          request_id: this.options.requestId ?? context.nextRequestId(),
        },
        this,
      );
    } catch (error) {
      this.leave();
      this.fail(error);
      return;
    }
    this.placeId = undefined;
    this.link = link;
    this.accept();
    this.limit(timeout + RUN_BACKSTOP_MS);
  }

  placeFailed(error: DirtyError): void {
    this.placeId = undefined;
    this.fail(error);
  }

  queued(): void {
    this.accept();
  }

  started(): void {
    this.begun = true;
  }

  chunk(value: unknown, bytes: number): boolean {
    this.streams ??= true;
    return this.inbox.push(value, bytes);
  }

  deliver(): void {
    this.inbox.deliver();
  }

  ended(): void {
    this.streams ??= true;
    this.link = undefined;
    this.finish();
  }

  returned(result: unknown): void {
    this.streams = false;
    this.link = undefined;
    this.inbox.push(result, 0);
    this.finish();
  }

  failed(error: DirtyError): void {
    this.link = undefined;
    this.fail(error);
  }

  refused(): void {
    this.link = undefined;
    if (++this.refusals > MAX_REFUSED) {
      this.fail(new DirtyWorkerError(`The workers of ${this.app} refused the request ${MAX_REFUSED} times.`));
    } else {
      this.place();
    }
  }

  lost(): void {
    this.link = undefined;
    if (this.begun) {
      this.fail(new DirtyWorkerError(`The dirty worker died while it ran ${this.app} ${this.action}.`));
    } else if (++this.lostBefore >= MAX_LOST_BEFORE_START) {
      this.fail(
        new DirtyWorkerError(
          `${MAX_LOST_BEFORE_START} dirty workers died before they began ${this.app} ${this.action}; it is not tried again.`,
        ),
      );
    } else {
      this.place();
    }
  }

  private accept(): void {
    this.taken = true;
    this.acceptance?.resolve();
  }

  private timeoutMs(): number {
    const { timeout } = this.options;
    const most = this.context.timeoutMs;
    return timeout === undefined ? most : Math.max(0, Math.min(timeout * 1000, most));
  }

  private place(): void {
    this.limit(this.context.queueTimeoutMs + QUEUE_BACKSTOP_MS);
    this.placeId = this.context.arbiter.place(
      { app: this.app, action: this.action, timeout: this.timeoutMs(), arrival: this.arrival },
      this,
    );
  }

  private limit(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(Call.expire, ms, this);
  }

  private static expire(call: Call): void {
    const running = call.link !== undefined;
    call.leave();
    call.fail(
      running
        ? new DirtyTimeoutError(`${call.app} ${call.action} took longer than ${call.timeoutMs() / 1000} s.`, {
            details: { timeout: call.timeoutMs() / 1000 },
          })
        : call.context.arbiter.connected
          ? new DirtyQueueTimeoutError(
              `${call.app} had no free slot for ${call.context.queueTimeoutMs / 1000} s.`,
              { details: { retry_after: RETRY_AFTER_SILENCE } },
            )
          : new DirtyConnectionError(
              "The dirty arbiter cannot be reached. It is started again by the arbiter; see its log.",
            ),
    );
  }

  /** Tells the other side that the call is not wanted any more. */
  private leave(): void {
    if (this.placeId !== undefined) this.context.arbiter.cancel(this.placeId);
    this.link?.cancel(this.runId);
    this.placeId = undefined;
    this.link = undefined;
  }

  // The caller asks for more when it is done with what it has, so credit follows its pace.
  passedOn(bytes: number): void {
    this.uncredited += bytes;
    if (this.uncredited < WINDOW / 2) return;
    this.link?.credit(this.runId, this.uncredited);
    this.uncredited = 0;
  }

  unwanted(): { reason: unknown } | undefined {
    const { signal } = this.options;
    return signal?.aborted === true ? { reason: signal.reason } : undefined;
  }

  private fail(error: unknown): void {
    this.finish({ error });
  }

  private finish(failure?: { error: unknown }): void {
    if (this.finished) return;
    this.failure = failure;
    this.release();
    this.acceptance?.reject(failure?.error);
    this.inbox.end(failure);
  }

  /** Lets go of what the call holds while it goes on. */
  private release(): void {
    this.finished = true;
    clearTimeout(this.timer);
    this.options.signal?.removeEventListener("abort", this);
  }
}
