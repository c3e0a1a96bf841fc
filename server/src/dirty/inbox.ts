import { rejected } from "./caller-stack.ts";

/** A step of a stream: a chunk, or its end. */
export type Step = IteratorResult<unknown, unknown>;
/** A step of a stream that is taken in batches. */
export type BatchStep = IteratorResult<unknown[], unknown>;

interface Waiter {
  resolve(step: Step | Promise<Step>): void;
  /** Who asked for the step after this one. */
  next: Waiter | undefined;
}

interface BatchWaiter {
  resolve(step: BatchStep | Promise<BatchStep>): void;
}

/** Who is told how far the caller has come. */
export interface InboxOwner {
  /** `bytes` of the stream's window were passed on. */
  passedOn(bytes: number): void;
  /** Looked at before a step is handed out: the reason for which none is wanted any more. */
  unwanted(): { reason: unknown } | undefined;
}

/**
 * What a call has received and its caller has not taken. It is taken one by one (`next`), or all that is there
 * at once (`nextBatch`): a reader that forwards a fast stream then pays for a step per read instead of one per
 * chunk.
 */
export class Inbox {
  private readonly owner: InboxOwner;
  private values: unknown[] = [];
  private sizes: number[] = [];
  private head = 0;
  private waiter: Waiter | undefined;
  private batchWaiter: BatchWaiter | undefined;
  /** Bytes of the batch that the caller has in its hands. */
  private lent = 0;
  private over = false;
  private failure: { error: unknown } | undefined;

  constructor(owner: InboxOwner) {
    this.owner = owner;
  }

  /**
   * Takes in what came.
   * @returns whether `deliver` must be called at the end of this read.
   */
  push(value: unknown, bytes: number): boolean {
    const { waiter } = this;
    if (waiter !== undefined) {
      this.waiter = waiter.next;
      this.owner.passedOn(bytes);
      waiter.resolve({ done: false, value });
      return false;
    }
    this.values.push(value);
    this.sizes.push(bytes);
    return this.batchWaiter !== undefined && this.values.length === 1;
  }

  /** Hands what this read brought to the one who waits for a batch. */
  deliver(): void {
    const { batchWaiter } = this;
    if (batchWaiter === undefined || this.empty) return;
    this.batchWaiter = undefined;
    batchWaiter.resolve({ done: false, value: this.takeAll() });
  }

  /** Nothing more comes; with an error, the caller gets it after what came before. */
  end(failure?: { error: unknown }): void {
    if (this.over) return;
    this.over = true;
    this.failure = failure;
    this.deliver();
    const { batchWaiter } = this;
    let { waiter } = this;
    this.batchWaiter = undefined;
    this.waiter = undefined;
    const first = batchWaiter ?? waiter;
    if (first === undefined) return;
    if (batchWaiter === undefined) waiter = waiter?.next;
    if (failure === undefined) {
      first.resolve({ done: true, value: undefined });
    } else {
      this.failure = undefined;
      first.resolve(this.rejection(failure.error));
    }
    for (; waiter !== undefined; waiter = waiter.next) waiter.resolve({ done: true, value: undefined });
  }

  /** Forgets what came and was not taken. */
  discard(): void {
    this.values = [];
    this.sizes = [];
    this.head = 0;
  }

  /** Ends for a reader that left: there is nothing more for them, and no error either. */
  leave(): void {
    this.discard();
    this.failure = undefined;
    this.end();
  }

  /** The next step. */
  next(): Promise<Step> {
    this.check();
    if (!this.empty) return Promise.resolve({ done: false, value: this.shift() });
    const ended = this.ended();
    if (ended !== undefined) return ended;
    return new Promise((resolve) => {
      const waiter: Waiter = { resolve, next: undefined };
      let last = this.waiter;
      while (last?.next !== undefined) last = last.next;
      if (last === undefined) this.waiter = waiter;
      else last.next = waiter;
    });
  }

  /** All that is there, or that comes with the next read. Asked for again only when the last one was used. */
  nextBatch(): Promise<BatchStep> {
    if (this.lent > 0) {
      this.owner.passedOn(this.lent);
      this.lent = 0;
    }
    this.check();
    if (!this.empty) return Promise.resolve({ done: false, value: this.takeAll() });
    const ended = this.ended();
    if (ended !== undefined) return ended;
    return new Promise((resolve) => {
      this.batchWaiter = { resolve };
    });
  }

  /** What the caller waits with, another one for each step; undefined while it does not wait. */
  get waiting(): object | undefined {
    return this.batchWaiter ?? this.waiter;
  }

  private get empty(): boolean {
    return this.head === this.values.length;
  }

  // All of it came before the abort, and is not wanted any more all the same.
  private check(): void {
    if (!this.over || this.empty) return;
    const unwanted = this.owner.unwanted();
    if (unwanted === undefined) return;
    this.discard();
    this.failure = { error: unwanted.reason };
  }

  private ended(): Promise<IteratorReturnResult<undefined>> | undefined {
    if (this.failure !== undefined) {
      const { error } = this.failure;
      this.failure = undefined;
      return this.rejection(error);
    }
    return this.over ? Promise.resolve({ done: true, value: undefined }) : undefined;
  }

  // What the caller aborted it with is the caller's own, with a stack of its own.
  private rejection(error: unknown): Promise<never> {
    return error === this.owner.unwanted()?.reason ? Promise.reject(error) : rejected(error);
  }

  private shift(): unknown {
    const value = this.values[this.head];
    this.owner.passedOn(this.sizes[this.head] ?? 0);
    this.head++;
    if (this.empty) this.discard();
    return value;
  }

  private takeAll(): unknown[] {
    const values = this.head === 0 ? this.values : this.values.slice(this.head);
    for (let index = this.head; index < this.sizes.length; index++) this.lent += this.sizes[index] ?? 0;
    this.discard();
    return values;
  }
}
