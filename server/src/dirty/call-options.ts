import { isStreamId } from "../protocol/stream-id.ts";

/** What a call is made with besides its arguments. */
export interface CallOptions {
  /** Aborting it cancels the call, and rejects it with the signal's reason. */
  signal?: AbortSignal;
  /** The most seconds that the run may take. Default and upper bound: `dirtyTimeout`. */
  timeout?: number;
  /** The id that the run's logs carry and `this.request.id` shows. Default: one of its own. */
  requestId?: string;
  /**
   * Makes the stream resumable under this id, from `createStreamId()`, a new one for each call. Leaving it only
   * takes its reader away: the run goes on for `streamGrace` seconds, and `resume` reads it on. Where the app is a
   * Gunicorn's it is an ordinary stream, which ends with its reader.
   */
  streamId?: string;
  /**
   * Told the call's place while it waits for a slot, 1 for the next one: when it begins to wait, and at most once a
   * second when its place has changed. A stream that is continued by another worker may wait again, in mid-stream.
   * What it throws ends the call.
   */
  onQueued?: (position: number) => void;
}

/** How a stream is read on. */
export interface ResumeOptions {
  /** The number of chunks that the reader has already. Default: 0, all of them again. */
  after?: number;
  /** Aborting it takes this reader away, and rejects with the signal's reason. */
  signal?: AbortSignal;
  /** The id that the log carries for this reader. The run keeps its own. */
  requestId?: string;
  /** Told the stream's place while that waits for a slot, as in `with({ onQueued })`. */
  onQueued?: (position: number) => void;
}

/**
 * Looks at options before anything is made of them. A value of a wrong kind would be refused at the other end
 * of a connection that all calls of this process share, and end it for all of them.
 * @throws TypeError that names the option.
 */
export function checkOptions(options: CallOptions): CallOptions {
  const { timeout, requestId, streamId }: { timeout?: unknown; requestId?: unknown; streamId?: unknown } =
    options;
  if (timeout !== undefined && (typeof timeout !== "number" || Number.isNaN(timeout))) {
    throw new TypeError(
      `The timeout of a dirty call is ${describe(timeout)}; it must be a number of seconds.`,
    );
  }
  checkRequestId(requestId);
  checkOnQueued(options.onQueued);
  if (streamId !== undefined && (typeof streamId !== "string" || !isStreamId(streamId))) {
    throw new TypeError("The streamId of a dirty call was not made by createStreamId().");
  }
  return options;
}

/**
 * Looks at the options of `resume`.
 * @throws TypeError that names the option.
 */
export function checkResumeOptions(options: ResumeOptions): ResumeOptions {
  const { after, requestId }: { after?: unknown; requestId?: unknown } = options;
  if (after !== undefined && (typeof after !== "number" || !Number.isSafeInteger(after) || after < 0)) {
    throw new TypeError(
      `after is ${describe(after)}; it must be the number of chunks that are there already.`,
    );
  }
  checkRequestId(requestId);
  checkOnQueued(options.onQueued);
  return options;
}

function checkOnQueued(onQueued: unknown): void {
  if (onQueued !== undefined && typeof onQueued !== "function") {
    throw new TypeError(`onQueued of a dirty call is ${describe(onQueued)}; it must be a function.`);
  }
}

function checkRequestId(requestId: unknown): void {
  if (requestId !== undefined && typeof requestId !== "string") {
    throw new TypeError(`The requestId of a dirty call is ${describe(requestId)}; it must be a string.`);
  }
}

function describe(value: unknown): string {
  return typeof value === "number" ? String(value) : Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
