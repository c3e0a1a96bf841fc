import { monotonicMs } from "../process/clock.ts";
import { type DirtyError, DirtyStreamNotFoundError } from "../protocol/errors.ts";
import type { Place, Placed, RunPayload } from "../protocol/messages.ts";
import { isStreamId } from "../protocol/stream-id.ts";
import type { Attached, Find, Found } from "../protocol/stream-messages.ts";
import type { PlaceListener } from "./arbiter-link.ts";
import type { CallContext, CallTarget } from "./call-context.ts";
import {
  diedBefore,
  noAnswer,
  notFoundInTime,
  refusedTooOften,
  tookTooLong,
  waitedTooLong,
  workerDied,
} from "./call-errors.ts";
import type { CallOptions } from "./call-options.ts";
import { CallReader } from "./call-reader.ts";
import { Continuation } from "./continuation.ts";
import type { RunListener, WorkerLink } from "./worker-link.ts";

// A request that kills the worker it is given to must not eat the fleet.
const MAX_LOST_BEFORE_START = 3;
// A refusal is a race that the next placement wins; more of them in a row are a fault.
const MAX_REFUSED = 10;
// The dirty arbiter and the worker keep the deadlines and say so; this side keeps them too, that much later,
// for those that cannot tell: a worker that spins or is stopped, a dirty arbiter that is gone.
const QUEUE_BACKSTOP_MS = 1000;
const RUN_BACKSTOP_MS = 100;

/**
 * One request from its placement to its end. Every call is received as a stream of steps: a plain action
 * has one step, its result. It is told of events by the links, and settles once.
 *
 * It outlives runs: when a worker dies in mid-stream and the action can continue, it is placed again with what was
 * emitted. And its run may outlive it: where it has a stream id, leaving it only takes its reader away. Without a
 * target it reads a stream that another call began, and learns from the worker what that is.
 *
 * It is a class with methods where closures would do, because thousands of calls are open at once.
 */
export class Call extends CallReader implements PlaceListener, RunListener {
  private readonly context: CallContext;
  private target: CallTarget | undefined;
  private requestId: string | undefined;
  private arrival = 0;
  private timer: NodeJS.Timeout | undefined;
  private placeId: number | undefined;
  private link: WorkerLink | undefined;
  private runId = 0;
  private begun = false;
  /** The last slot. */
  private slot = 0;
  private lostBefore = 0;
  /** The worker that it was given last, and those that died with it; undefined: none did. */
  private worker = 0;
  private lostWorkers: Set<number> | undefined;
  private refusals = 0;
  /** There once the action turned out to be one that can be continued. */
  private continuation: Continuation | undefined;
  /** Chunks that the reader had before this call. */
  private readonly after: number;
  /** How many of the next chunks the reader has already: they are only kept, to have the run continued. */
  private ahead = 0;
  /** Reads a run that another call began, so leaving it leaves that alone. */
  private attaching = false;
  /** Its run has ended, and is only read: what its caller waited with when that was last looked at. */
  private replayed: { waiting: object | undefined; ahead: number } | undefined;
  /** The reader is gone, and the call sees to it that the run begins all the same: until then. */
  private detachedUntil: number | undefined;

  /** @param after for a call without target: how many chunks of the stream its reader has already. */
  constructor(context: CallContext, target: CallTarget | undefined, options: CallOptions, after = 0) {
    super(options);
    this.context = context;
    this.target = target;
    this.after = after;
    this.requestId = options.requestId;
  }

  placed(placed: Placed): void {
    const { context, target } = this;
    if (target === undefined || this.cannotContinue()) return;
    if (placed.continues && !this.awaited) this.continuation ??= new Continuation(context.emitted);
    if (!placed.continues && this.continuation?.emitted !== undefined) {
      this.abandon();
      this.fail(workerDied(this.label, ", and the action cannot be continued any more"));
      return;
    }
    const timeout = this.msLeft();
    this.worker = placed.worker;
    const link = context.workers.get(placed.socket);
    try {
      this.runId = link.run(
        {
          slot: placed.slot,
          app: target.app,
          action: target.action,
          args: target.args,
          kwargs: target.kwargs,
          ms_left: timeout,
          request_id: this.ownRequestId(),
          emitted: this.continuation?.emitted,
          stream: this.options.streamId,
        },
        this,
      );
    } catch (error) {
      this.abandon();
      this.fail(error);
      return;
    }
    this.attaching = false;
    this.reached(link, placed.slot);
    this.continuation?.began(timeout);
    this.acceptance.accept();
    this.limit(timeout + RUN_BACKSTOP_MS);
  }

  found(found: Found): void {
    const { streamId: stream = "", requestId } = this.options;
    // The run is there, which is all that a call without a reader wants.
    if (this.detachedUntil !== undefined) {
      this.retire();
      return;
    }
    if (this.cannotContinue()) return;
    this.worker = found.worker;
    const link = this.context.workers.get(found.socket);
    this.runId = link.attach(
      {
        stream,
        slot: found.slot,
        after: this.continuation?.length ?? this.after,
        prefix: this.continuation === undefined && !this.awaited,
        request_id: requestId,
      },
      this,
    );
    this.attaching = true;
    this.reached(link, found.slot);
    this.limit(this.waitMs());
  }

  attached({ app, action, args, kwargs, request_id, ms_left, continues, emitted }: Attached): void {
    this.begun = true;
    this.target ??= kwargs === undefined ? { app, action, args } : { app, action, args, kwargs };
    this.requestId = request_id;
    if (continues && emitted !== undefined && this.continuation === undefined) {
      this.continuation = new Continuation(this.context.emitted, emitted);
      this.ahead = Math.max(0, this.after - emitted.length);
    } else if (!continues && this.ahead === 0) {
      this.continuation?.giveUp();
      this.continuation = undefined;
    }
    this.acceptance.accept();
    if (ms_left === undefined) {
      this.replay();
      return;
    }
    this.continuation?.began(ms_left);
    this.limit(ms_left + RUN_BACKSTOP_MS);
  }

  placeFailed(error: DirtyError): void {
    this.placeId = undefined;
    this.fail(error);
  }

  queued(position: number): void {
    this.acceptance.accept();
    if (this.options.onQueued === undefined || this.detachedUntil !== undefined) return;
    try {
      this.options.onQueued(position + 1);
    } catch (error) {
      // Thrown on, it would end the connection that all calls of this process share.
      this.cancel(error);
    }
  }

  started(): void {
    this.begun = true;
    if (this.detachedUntil === undefined) return;
    // Now the worker counts the time without a reader.
    this.link?.cancel(this.runId);
    this.retire();
  }

  chunk(value: unknown, bytes: number): boolean {
    this.streams ??= true;
    if (this.continuation !== undefined) {
      this.continuation.add(value, bytes);
      if (this.ahead > 0) {
        this.ahead--;
        this.passedOn(bytes);
        return false;
      }
    }
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
    // It was there, and its worker gave it up.
    if (this.begun) {
      this.lost();
      return;
    }
    this.link = undefined;
    this.retryRefused();
  }

  private retryRefused(): void {
    if (++this.refusals > MAX_REFUSED) this.fail(refusedTooOften(this.app, MAX_REFUSED));
    else this.ask();
  }

  lost(): void {
    this.link = undefined;
    const isKnown = this.lostWorkers?.has(this.worker) === true;
    this.lostWorkers ??= new Set();
    this.lostWorkers.add(this.worker);
    if (!this.begun && isKnown) {
      // The dirty arbiter has not heard yet that this worker died: no other one did.
      this.retryRefused();
    } else if (!this.begun) {
      // A call that only reads harms no worker. It is told where the run is now, or that it is gone.
      const most = this.target === undefined ? MAX_REFUSED : MAX_LOST_BEFORE_START;
      if (++this.lostBefore < most) this.ask();
      else this.fail(diedBefore(this.label, most));
    } else if (this.continuation === undefined) {
      this.fail(workerDied(this.label));
    } else if (this.continuation.overflowed) {
      this.fail(this.sentTooMuch());
    } else if (this.continuation.next(this.context.migrationLimit)) {
      this.ask();
    } else {
      const times = this.context.migrationLimit + 1;
      this.fail(workerDied(this.label, `; that was worker number ${times}, and it is not continued again`));
    }
  }

  /** What was emitted may have had to be given up while it waited for another worker. Then it has failed. */
  private cannotContinue(): boolean {
    if (this.continuation?.overflowed !== true) return false;
    this.abandon();
    this.fail(this.sentTooMuch());
    return true;
  }

  private sentTooMuch(): DirtyError {
    return workerDied(this.label, ", and it had sent too much to be continued by another");
  }

  private get app(): string {
    return this.target?.app ?? "the stream's app";
  }

  private get label(): string {
    return this.target === undefined ? "the stream" : `${this.target.app} ${this.target.action}`;
  }

  private ownRequestId(): string {
    this.requestId ??= this.context.nextRequestId();
    return this.requestId;
  }

  /** The most that the run may take. */
  private timeoutMs(): number {
    const { timeout } = this.options;
    const most = this.context.timeoutMs;
    return timeout === undefined ? most : Math.max(0, Math.min(timeout * 1000, most));
  }

  /** What is left of it. */
  private msLeft(): number {
    const deadline = this.continuation?.deadline;
    return deadline === undefined ? this.timeoutMs() : Math.max(0, deadline - monotonicMs());
  }

  /** How long it waits for others. What goes on from another run is half an answer already: as long as it may take. */
  private waitMs(): number {
    const isContinued = this.continuation?.since !== undefined;
    return isContinued ? this.msLeft() + RUN_BACKSTOP_MS : this.context.queueTimeoutMs + QUEUE_BACKSTOP_MS;
  }

  protected override begin(): void {
    if (this.target === undefined && !isStreamId(this.options.streamId ?? "")) {
      this.fail(new DirtyStreamNotFoundError("No stream has this id."));
      return;
    }
    this.arrival = monotonicMs();
    this.ask();
  }

  protected override credit(bytes: number): void {
    this.link?.credit(this.runId, bytes);
  }

  private ask(): void {
    const { context, target } = this;
    const { streamId, onQueued } = this.options;
    this.begun = false;
    // What the last run was granted is void.
    this.uncredited = 0;
    this.limit(this.waitMs());
    if (target === undefined) {
      const find: Find = { stream: streamId ?? "" };
      if (this.slot !== 0) find.lost = this.slot;
      if (onQueued !== undefined) find.notices = true;
      this.placeId = context.arbiter.find(find, this);
      return;
    }
    const place: Place = {
      app: target.app,
      action: target.action,
      timeout: this.msLeft(),
      arrival: this.arrival,
    };
    if (this.continuation?.since !== undefined) place.since = this.continuation.since;
    if (this.slot !== 0) place.again = true;
    if (onQueued !== undefined) place.notices = true;
    if (streamId !== undefined) {
      place.stream = streamId;
      place.run = this.payload(target);
      if (this.slot !== 0) place.lost = this.slot;
    }
    this.placeId = context.arbiter.place(place, this);
  }

  private payload({ args, kwargs }: CallTarget): RunPayload {
    const payload: RunPayload = { args, request_id: this.ownRequestId() };
    if (kwargs !== undefined) payload.kwargs = kwargs;
    if (this.continuation?.emitted !== undefined) payload.emitted = this.continuation.emitted;
    return payload;
  }

  private reached(link: WorkerLink, slot: number): void {
    this.placeId = undefined;
    this.link = link;
    this.slot = slot;
  }

  private limit(ms: number): void {
    clearTimeout(this.timer);
    this.replayed = undefined;
    const most = this.detachedUntil === undefined ? ms : Math.min(ms, this.detachedUntil - monotonicMs());
    this.timer = setTimeout(Call.expire, most, this);
  }

  /** The reader of a stream that has ended sets the pace, so only a worker that sends nothing ends this. */
  private replay(): void {
    this.limit(this.context.queueTimeoutMs + QUEUE_BACKSTOP_MS);
    this.replayed = { waiting: this.inbox.waiting, ahead: this.ahead };
  }

  /** Whether its caller waits for what it waited for at the last look already. */
  private get starved(): boolean {
    const { waiting } = this.inbox;
    return waiting !== undefined && waiting === this.replayed?.waiting && this.ahead === this.replayed.ahead;
  }

  private static expire(call: Call): void {
    const { context, link, begun, replayed } = call;
    if (replayed !== undefined && !call.starved) {
      call.replay();
      return;
    }
    const overTime = replayed === undefined && call.msLeft() <= 0;
    call.abandon();
    if (replayed !== undefined) {
      call.fail(noAnswer(context.queueTimeoutMs / 1000));
    } else if (overTime || (link !== undefined && (begun || !call.attaching))) {
      call.fail(tookTooLong(call.label, call.timeoutMs() / 1000));
    } else if (link !== undefined) {
      call.fail(noAnswer(context.queueTimeoutMs / 1000));
    } else if (call.target === undefined) {
      call.fail(notFoundInTime(context.queueTimeoutMs / 1000));
    } else {
      call.fail(waitedTooLong(call.app, context.queueTimeoutMs / 1000, context.arbiter.connected));
    }
  }

  /** The reader leaves. A resumable run that has not begun begins all the same: a reader may come back for it. */
  protected override leave(): void {
    if (this.detachedUntil !== undefined) return;
    const pending = this.placeId !== undefined || (this.link !== undefined && !this.begun && !this.attaching);
    if (this.options.streamId === undefined || this.target === undefined || !pending) {
      this.abandon();
      return;
    }
    this.detachedUntil = monotonicMs() + this.context.graceMs;
    this.limit(this.context.graceMs);
  }

  /** Tells the other side that the call is not wanted any more. */
  private abandon(): void {
    if (this.placeId !== undefined) this.context.arbiter.cancel(this.placeId);
    this.link?.cancel(this.runId);
    this.retire();
  }

  /** Has nothing more to do with the other side. */
  protected override retire(): void {
    this.placeId = undefined;
    this.link = undefined;
    if (this.detachedUntil === undefined) return;
    this.detachedUntil = undefined;
    this.settled();
  }

  protected override released(): void {
    if (this.detachedUntil === undefined) this.settled();
  }

  /** Nothing more comes of it. */
  private settled(): void {
    clearTimeout(this.timer);
    this.continuation?.giveUp();
  }
}
