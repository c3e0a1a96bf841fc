import { WINDOW } from "../protocol/window.ts";
import { Acceptance } from "./acceptance.ts";
import type { CallOptions } from "./call-options.ts";
import { type BatchStep, Inbox, type InboxOwner, type Step } from "./inbox.ts";

/** The side of a call that its caller sees: steps, acceptance, the abort signal, and the one end. */
export abstract class CallReader implements InboxOwner {
  protected readonly options: CallOptions;
  protected readonly inbox: Inbox = new Inbox(this);
  protected readonly acceptance: Acceptance = new Acceptance();
  /** What was passed on and not told to the worker yet. */
  protected uncredited = 0;
  /** Whether the action turned out to stream; undefined until that is known. */
  streams: boolean | undefined;
  /** Whether the caller waits for one result: such a run is never continued. */
  awaited = false;
  private finished = false;

  constructor(options: CallOptions) {
    this.options = options;
  }

  /** Asks for what is to be read. Called once. */
  start(): void {
    const { signal } = this.options;
    if (signal?.aborted === true) {
      this.fail(signal.reason);
      return;
    }
    signal?.addEventListener("abort", this, { once: true });
    this.begin();
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

  /** Cancels for a reader that left the loop: there is nothing more for them, and no error either. */
  quit(): void {
    this.leave();
    this.acceptance.leave();
    this.release();
    this.inbox.leave();
  }

  /** Resolves when the call waits in its app's queue or has a slot; rejects with what ended it before that. */
  accepted(): Promise<void> {
    return this.acceptance.promise;
  }

  /** The abort signal's listener. */
  handleEvent(): void {
    this.cancel(this.options.signal?.reason);
  }

  // The caller asks for more when it is done with what it has, so credit follows its pace.
  passedOn(bytes: number): void {
    this.uncredited += bytes;
    if (this.uncredited < WINDOW / 2) return;
    this.credit(this.uncredited);
    this.uncredited = 0;
  }

  unwanted(): { reason: unknown } | undefined {
    const { signal } = this.options;
    return signal?.aborted === true ? { reason: signal.reason } : undefined;
  }

  /** Asks the other side. */
  protected abstract begin(): void;
  /** The reader leaves. */
  protected abstract leave(): void;
  /** Has nothing more to do with the other side. */
  protected abstract retire(): void;
  /** The reader takes this many bytes more. */
  protected abstract credit(bytes: number): void;
  /** The reader is done: what is only there for it can go. */
  protected abstract released(): void;

  protected fail(error: unknown): void {
    this.finish({ error });
  }

  protected finish(failure?: { error: unknown }): void {
    if (this.finished) {
      this.retire();
      return;
    }
    if (failure !== undefined) this.acceptance.refuse(failure.error);
    this.release();
    this.inbox.end(failure);
  }

  /** Lets go of what the call holds while it goes on. */
  private release(): void {
    this.finished = true;
    this.options.signal?.removeEventListener("abort", this);
    this.released();
  }
}
