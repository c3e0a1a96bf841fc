import type { Logger } from "pino";
import { RequestContext, requestStorage } from "../dirty/request.ts";
import { monotonicMs } from "../process/clock.ts";
import { getLogger } from "../process/logger.ts";
import { DirtyAppNotFoundError, DirtyError, DirtyTimeoutError } from "../protocol/errors.ts";
import { MSG, type Run as RunMessage } from "../protocol/messages.ts";
import { WINDOW } from "../protocol/window.ts";
import type { AppHost } from "./app-host.ts";
import type { Incoming, RunOutput } from "./run-output.ts";
import type { Turn } from "./turn.ts";

/** What a run needs of its worker. */
export interface RunOwner {
  readonly turn: Turn;
  /** The run has settled: its code has ended, and its slot is free. */
  settled(run: Run): void;
}

/**
 * One request while an app serves it: from the call of its action until the action's code has ended. Its
 * caller may be gone long before that; the slot is free only after it.
 */
export class Run implements Incoming {
  readonly slot: number;
  readonly id: number;
  readonly host: AppHost;
  readonly deadline: number;
  private readonly owner: RunOwner;
  private readonly output: RunOutput;
  private readonly message: RunMessage;
  private readonly context: RequestContext;
  private readonly timer: NodeJS.Timeout;
  private credit = WINDOW;
  private wake: (() => void) | undefined;
  private aborted = false;
  private answered = false;

  constructor(owner: RunOwner, host: AppHost, output: RunOutput, id: number, message: RunMessage) {
    this.owner = owner;
    this.host = host;
    this.output = output;
    this.id = id;
    this.message = message;
    this.slot = message.slot;
    this.deadline = monotonicMs() + message.ms_left;
    this.context = new RequestContext(
      message.request_id,
      Date.now() + message.ms_left,
      message.emitted ?? [],
    );
    this.timer = setTimeout(Run.expire, message.ms_left, this);
  }

  /** Calls the action. The whole run is pumped inside its request's context. */
  start(): void {
    // The caller must know that the run began before the action can do harm: a request whose worker dies
    // earlier than this is placed again.
    this.output.send(MSG.STARTED, this.id);
    this.output.flush();
    requestStorage().run(this.context, () => void this.pump());
  }

  /** Lets the stream send `bytes` more. */
  grant(bytes: number): void {
    this.credit = Math.min(WINDOW, this.credit + bytes);
    if (this.credit > 0) this.awaken();
  }

  /** Aborts the run: its signal, and its generator as soon as that stands at a `yield`. */
  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    clearTimeout(this.timer);
    requestStorage().run(this.context, () => RequestContext.abort(this.context, reason));
    this.awaken();
  }

  /** Aborts the run, and tells its caller why. No other process would. */
  end(reason: Error): void {
    if (!this.aborted) this.output.sendError(this.id, reason);
    this.abort(reason);
  }

  private static expire(run: Run): void {
    const seconds = run.message.ms_left / 1000;
    const error = new DirtyTimeoutError(`${run.label} took longer than ${seconds} s.`, {
      details: { timeout: seconds },
    });
    run.end(error);
    run.log.warn(error.message);
  }

  private get label(): string {
    return `${this.host.name} ${this.message.action}`;
  }

  private get log(): Logger {
    return getLogger().child({ requestId: this.context.id });
  }

  private async pump(): Promise<void> {
    try {
      const action = this.host.action(this.message.action);
      if (action === undefined) {
        throw new DirtyAppNotFoundError(
          `The dirty app ${this.host.name} has no action "${this.message.action}".`,
        );
      }
      const { args, kwargs } = this.message;
      const hasKwargs = kwargs !== undefined && Object.keys(kwargs).length > 0;
      let result = action.apply(undefined as never, hasKwargs ? [...args, kwargs] : args);
      if (isPromise(result)) result = await result;
      if (isAsyncIterable(result)) await this.stream(result[Symbol.asyncIterator]());
      else if (isSequence(result)) await this.stream(result[Symbol.iterator]());
      else this.answer(MSG.RESPONSE, { result });
    } catch (error) {
      this.fail(error);
    } finally {
      clearTimeout(this.timer);
      this.owner.settled(this);
    }
  }

  private async stream(iterator: AsyncIterator<unknown> | Iterator<unknown>): Promise<void> {
    const { output, id, owner } = this;
    const { turn } = owner;
    let first = true;
    while (!this.aborted) {
      const pending = iterator.next();
      const step = isPromise(pending) ? await pending : pending;
      if (step.done === true) {
        this.answer(MSG.END);
        return;
      }
      if (this.aborted) break;
      try {
        this.credit -= output.sendChunk(id, step.value);
      } catch (error) {
        this.fail(error);
        break;
      }
      if (first) {
        first = false;
        output.flush();
      }
      if (this.credit <= 0) await this.moreCredit();
      else if (turn.over()) await turn.next();
    }
    await iterator.return?.();
  }

  private async moreCredit(): Promise<void> {
    while (this.credit <= 0 && !this.aborted) {
      this.output.flush();
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private awaken(): void {
    const { wake } = this;
    this.wake = undefined;
    wake?.();
  }

  private answer(type: number, value?: unknown): void {
    if (!this.aborted) this.output.send(type, this.id, value);
  }

  private fail(error: unknown): void {
    // After an abort the caller does not listen any more, and the app's error is most likely the abort itself.
    if (this.aborted || this.answered) {
      this.log.debug({ err: error }, `${this.label} failed after its end`);
      return;
    }
    this.note(error);
    this.output.sendError(this.id, error, { app_path: this.host.name, action: this.message.action });
    // One answer is all that the caller gets, also when the generator's own end fails too.
    this.answered = true;
  }

  private note(error: unknown): void {
    if (error instanceof DirtyAppNotFoundError) return;
    if (error instanceof DirtyError && error.expected)
      this.log.debug(`${this.label} refused: ${error.message}`);
    else this.log.error({ err: error }, `${this.label} failed`);
  }
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

// What is iterated for its values: a generator, an iterator, an iterable of the app's own. Arrays are values themselves;
// of a Map, a Set and a boxed text it is told that they cannot cross.
function isSequence(value: unknown): value is Iterable<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    Symbol.iterator in value &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof Map || value instanceof Set || value instanceof String)
  );
}
