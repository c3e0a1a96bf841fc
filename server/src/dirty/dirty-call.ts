import { getLogger } from "../process/logger.ts";
import { DirtyError } from "../protocol/errors.ts";
import type { CallTarget } from "./call-context.ts";
import type { CallOptions } from "./call-options.ts";
import type { CallReader } from "./call-reader.ts";
import { blaming, framesBelow, isNative } from "./caller-stack.ts";
import type { DirtyHost } from "./dirty-host.ts";

const UNUSED_AFTER_MS = 5000;

/**
 * What calling an action gives: awaited it is the result, iterated it is the stream. It is lazy and starts
 * once, on its first use; later awaits share the result.
 */
export class DirtyCall implements AsyncIterable<unknown> {
  private readonly call: CallReader;
  private readonly label: string;
  private result: Promise<unknown> | undefined;
  private used = false;
  private started = false;

  /**
   * @param target undefined to read the stream of `options.streamId` on.
   * @param after how many of its chunks are there already.
   */
  constructor(host: DirtyHost, target: CallTarget | undefined, options: CallOptions, after?: number) {
    this.call = host.call(target, options, after);
    this.label = target === undefined ? "a resumed stream" : `${target.app} ${target.action}`;
    watch(this);
  }

  get [Symbol.toStringTag](): string {
    return "DirtyCall";
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting a call is what runs it.
  then<A, B>(
    resolved?: ((value: unknown) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const isAwaited = isNative(resolved);
    const result = isAwaited ? this.settle() : blaming(this.settle(), framesBelow(this.then));
    return result.then(resolved, rejected) as Promise<A | B>;
  }

  catch<B>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<unknown> {
    return blaming(this.settle(), framesBelow(this.catch)).catch(rejected);
  }

  finally(settled?: (() => void) | null): Promise<unknown> {
    return blaming(this.settle(), framesBelow(this.finally)).finally(settled);
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown, unknown> {
    this.begin();
    return new CallIterator(this.call, () => this.call.next());
  }

  /** The stream as arrays of all that came together, for those who forward it: one step for many chunks. */
  batches(): AsyncIterable<unknown[]> {
    return {
      [Symbol.asyncIterator]: () => {
        this.begin();
        return new CallIterator<unknown[]>(this.call, () => this.call.nextBatch());
      },
    };
  }

  /** Starts the call, and resolves when it waits in its app's queue or has a slot. */
  accepted(): Promise<void> {
    this.start();
    const accepted = blaming(this.call.accepted(), framesBelow(this.accepted));
    // A rejection that is not looked at is not an error: who reads the stream gets it there.
    accepted.catch(() => {});
    return accepted;
  }

  /** Says, for the log, that the call was not used in time. */
  static describeUnused(call: DirtyCall): string {
    return `A call of ${call.label} was made and neither awaited nor iterated, so it never ran.`;
  }

  private begin(): void {
    if (this.used) {
      throw new DirtyError(
        `The call of ${this.label} has begun already; call the action again for a second stream.`,
      );
    }
    this.use();
  }

  private settle(): Promise<unknown> {
    if (this.result === undefined) {
      if (this.used) {
        return Promise.reject(
          new DirtyError(`The call of ${this.label} is being iterated; it cannot be awaited too.`),
        );
      }
      this.call.awaited = true;
      this.use();
      this.result = this.receive();
    }
    return this.result;
  }

  private async receive(): Promise<unknown> {
    const step = await this.call.next();
    if (this.call.streams === true) {
      // Made here, where what awaits this is known.
      const error = new DirtyError(
        `${this.label} streams: iterate it with "for await" instead of awaiting it.`,
      );
      this.call.cancel(error);
      throw error;
    }
    return step.value;
  }

  private use(): void {
    this.used = true;
    this.start();
  }

  private start(): void {
    if (this.started) return;
    this.started = true;
    unused.delete(this);
    this.call.start();
  }
}

class CallIterator<T> implements AsyncIterator<T, unknown> {
  private readonly call: CallReader;
  readonly next: () => Promise<IteratorResult<T, unknown>>;

  constructor(call: CallReader, next: () => Promise<IteratorResult<T, unknown>>) {
    this.call = call;
    this.next = next;
  }

  // Leaving the loop cancels without waiting for the worker: the loop's owner has other things to do.
  return(value?: unknown): Promise<IteratorResult<T, unknown>> {
    this.call.quit();
    return Promise.resolve({ done: true, value });
  }

  throw(error?: unknown): Promise<IteratorResult<T, unknown>> {
    this.call.quit();
    return Promise.reject(error);
  }
}

// One timer looks after all calls that were made and not used yet; used ones are only a Set's entry.
const unused = new Map<DirtyCall, number>();
let watching = false;

function watch(call: DirtyCall): void {
  unused.set(call, Date.now());
  if (!watching) lookLater();
}

function lookLater(): void {
  watching = true;
  setTimeout(report, UNUSED_AFTER_MS).unref();
}

function report(): void {
  watching = false;
  // Some slack: the timer may fire a little early by this clock.
  const before = Date.now() - UNUSED_AFTER_MS + 10;
  for (const [call, made] of unused) {
    if (made > before) break;
    unused.delete(call);
    getLogger().warn(DirtyCall.describeUnused(call));
  }
  if (unused.size > 0) lookLater();
}
