/**
 * The errors of dirty calls. They keep Gunicorn's names, because they cross the wire by name, and each
 * carries a stable `code` for programs to test, and the HTTP status for the client of the HTTP worker.
 *
 * | class | code | status | meaning |
 * |---|---|---|---|
 * | DirtyError | DIRTY_ERROR | 500 | the base class; also an error whose type this side does not know |
 * | DirtyTimeoutError | DIRTY_TIMEOUT | 504 | the run took longer than it may |
 * | DirtyConnectionError | DIRTY_CONNECTION | 503 | the dirty arbiter or the worker cannot be reached |
 * | DirtyWorkerError | DIRTY_WORKER | 500 | the worker died while it ran the request |
 * | DirtyAppError | DIRTY_APP | 500 | the app threw |
 * | DirtyAppNotFoundError | DIRTY_APP_NOT_FOUND | 500 | no such app is configured, or it has no such action |
 * | DirtyNoWorkersAvailableError | DIRTY_NO_WORKERS | 503 | no worker runs the app, and none is about to |
 * | DirtyProtocolError | DIRTY_PROTOCOL | 500 | bytes or a value that the wire does not allow |
 * | DirtyQueueFullError | DIRTY_QUEUE_FULL | 429 | the app's queue is full |
 * | DirtyQueueTimeoutError | DIRTY_QUEUE_TIMEOUT | 503 | the request waited too long for a slot |
 * | DirtyDrainingError | DIRTY_DRAINING | 503 | the server is shutting down and takes nothing new |
 * | DirtyStreamNotFoundError | DIRTY_STREAM_NOT_FOUND | 404 | no resumable stream has that id, or not any more |
 * | DirtyStreamGoneError | DIRTY_STREAM_GONE | 410 | the chunks asked for are not kept any more, or went with their worker |
 * | DirtyCancelledError | DIRTY_CANCELLED | 410 | a client ended the stream by its id |
 * | StashError | STASH_ERROR | 500 | an operation that the stash cannot do |
 * | StashFullError | STASH_FULL | 500 | a table, or the stash, would grow over its bounds |
 * | StashTableNotFoundError | STASH_TABLE_NOT_FOUND | 500 | the stash has no such table |
 */

/** The HTTP statuses of {@link DirtyError.statusCode}. */
export type DirtyStatusCode = 404 | 410 | 429 | 500 | 503 | 504;

// All others are a fault of this side: 500.
const STATUS_CODES: Readonly<Record<string, DirtyStatusCode>> = {
  DIRTY_TIMEOUT: 504,
  DIRTY_CONNECTION: 503,
  DIRTY_NO_WORKERS: 503,
  DIRTY_QUEUE_FULL: 429,
  DIRTY_QUEUE_TIMEOUT: 503,
  DIRTY_DRAINING: 503,
  DIRTY_STREAM_NOT_FOUND: 404,
  DIRTY_STREAM_GONE: 410,
  // Not 409, on which clients commonly try again: this answer will never come.
  DIRTY_CANCELLED: 410,
};

/** What `details` of an error may hold: plain data that the wire carries. */
export type ErrorDetails = Record<string, unknown>;

/** Options of every dirty error. */
export interface DirtyErrorOptions {
  /** Plain data about the failure; it crosses the wire. Default: empty. */
  details?: ErrorDetails;
  /** The lower error behind this one; it stays in this process. */
  cause?: unknown;
}

/** An error as it stands in an ERROR frame. */
export interface WireError {
  error_type: string;
  message: string;
  details: ErrorDetails;
}

/** Base of every error that a dirty call can end with. */
export class DirtyError extends Error {
  /** Stable, for programs to test. */
  readonly code: string = "DIRTY_ERROR";
  /** Plain data about the failure. */
  readonly details: ErrorDetails;
  /**
   * For classes of an app's own: whether it is an answer and no fault, as the refusal of a request that cannot be served.
   * The worker's log then has it at the level debug, without a stack. It does not cross the wire.
   */
  readonly expected: boolean = false;

  constructor(message: string, options: DirtyErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details ?? {};
  }

  // A getter, so that the stack begins with the right name, and a setter, because classes of an app's own
  // set theirs as they are used to.
  override get name(): string {
    return this.constructor.name;
  }

  override set name(value: string) {
    Object.defineProperty(this, "name", { value, writable: true, configurable: true });
  }

  /** Whole seconds after which a new try makes sense, where the server could tell. */
  get retryAfter(): number | undefined {
    const value = this.details["retry_after"];
    return typeof value === "number" ? value : undefined;
  }

  /**
   * The HTTP status for a client whose request failed so, where Fastify, Express and Koa look for it. The message is for
   * the log: it can be what the app threw.
   */
  get statusCode(): DirtyStatusCode {
    return STATUS_CODES[this.code] ?? 500;
  }

  // As for the name: Koa's `ctx.throw(status, error)` and http-errors set the status of an error that they are given.
  set statusCode(value: DirtyStatusCode) {
    Object.defineProperty(this, "statusCode", { value, writable: true, configurable: true });
  }

  /**
   * Headers that go with the status: `retry-after` with 429 and 503, in whole seconds, at least 1 (RFC 9110, 10.2.3).
   * Fastify, Express and Koa send them where no error handler of the app's own does otherwise.
   */
  get headers(): Record<string, string> {
    const { statusCode, retryAfter = 1 } = this;
    if (statusCode !== 429 && statusCode !== 503) return {};
    return { "retry-after": String(Math.max(1, Math.ceil(retryAfter))) };
  }

  set headers(value: Record<string, string>) {
    Object.defineProperty(this, "headers", { value, writable: true, configurable: true });
  }
}

/** The run took longer than `dirtyTimeout`, or than the call's own `timeout`. */
export class DirtyTimeoutError extends DirtyError {
  override readonly code = "DIRTY_TIMEOUT";
}

/** The dirty arbiter, or the worker that was chosen, cannot be reached. */
export class DirtyConnectionError extends DirtyError {
  override readonly code = "DIRTY_CONNECTION";
}

/** The worker died, or was replaced, while it ran the request. */
export class DirtyWorkerError extends DirtyError {
  override readonly code = "DIRTY_WORKER";
}

/** The app's action threw. Its message is the app's own; its stack stays in the worker's log. */
export class DirtyAppError extends DirtyError {
  override readonly code: string = "DIRTY_APP";
}

/** No such app is configured, or the app has no such action. */
export class DirtyAppNotFoundError extends DirtyAppError {
  override readonly code = "DIRTY_APP_NOT_FOUND";
}

/** No worker runs the app, and none is about to: its workers fail to start. */
export class DirtyNoWorkersAvailableError extends DirtyError {
  override readonly code = "DIRTY_NO_WORKERS";
}

/** Bytes that break the wire's rules, or a value that it cannot carry. */
export class DirtyProtocolError extends DirtyError {
  override readonly code = "DIRTY_PROTOCOL";
}

/** The app's queue holds `dirtyQueueSize` requests already. `retryAfter` says when to come back. */
export class DirtyQueueFullError extends DirtyError {
  override readonly code = "DIRTY_QUEUE_FULL";
}

/** The request waited `dirtyQueueTimeout` seconds and got no slot. */
export class DirtyQueueTimeoutError extends DirtyError {
  override readonly code = "DIRTY_QUEUE_TIMEOUT";
}

/** The server is shutting down and starts nothing new. */
export class DirtyDrainingError extends DirtyError {
  override readonly code = "DIRTY_DRAINING";
}

/** No resumable stream has that id: it was never made, it was cancelled, or its time is over. */
export class DirtyStreamNotFoundError extends DirtyError {
  override readonly code = "DIRTY_STREAM_NOT_FOUND";
}

/** The chunks that were asked for are not kept any more, or the worker that kept them died. */
export class DirtyStreamGoneError extends DirtyError {
  override readonly code = "DIRTY_STREAM_GONE";
}

/** A client ended the stream by its id. */
export class DirtyCancelledError extends DirtyError {
  override readonly code = "DIRTY_CANCELLED";
}

/** The stash cannot do this: a counter that is not a number, a key that is too long, a log that cannot be written. */
export class StashError extends DirtyError {
  override readonly code: string = "STASH_ERROR";
}

/** The table would hold more entries or bytes than it may, or there are too many tables. `details` says which. */
export class StashFullError extends StashError {
  override readonly code = "STASH_FULL";
}

/** The stash has no such table. */
export class StashTableNotFoundError extends StashError {
  override readonly code = "STASH_TABLE_NOT_FOUND";
}

const BY_NAME = new Map<string, new (message: string, options?: DirtyErrorOptions) => DirtyError>(
  [
    DirtyError,
    DirtyTimeoutError,
    DirtyConnectionError,
    DirtyWorkerError,
    DirtyAppError,
    DirtyAppNotFoundError,
    DirtyNoWorkersAvailableError,
    DirtyProtocolError,
    DirtyQueueFullError,
    DirtyQueueTimeoutError,
    DirtyDrainingError,
    DirtyStreamNotFoundError,
    DirtyStreamGoneError,
    DirtyCancelledError,
    StashError,
    StashFullError,
    StashTableNotFoundError,
  ].map((type) => [type.name, type]),
);

/**
 * Makes what an ERROR frame carries out of anything that was thrown. An error of another class is the
 * app's: it crosses as a DirtyAppError with its own message, and its class as `details.error_class`. A
 * class of the app's own that extends one of these crosses as the one it extends.
 */
export function toWireError(error: unknown, details: ErrorDetails = {}): WireError {
  if (!(error instanceof Error)) return { error_type: "DirtyAppError", message: text(error), details };
  const type = error instanceof DirtyError ? knownName(error) : "DirtyAppError";
  const name = text(error.name);
  return {
    error_type: type,
    message: text(error.message),
    details: {
      ...details,
      ...(error instanceof DirtyError ? error.details : undefined),
      ...(name === type ? undefined : { error_class: name }),
    },
  };
}

function knownName(error: DirtyError): string {
  let type: unknown = error.constructor;
  while (typeof type === "function") {
    if (BY_NAME.get(type.name) === type) return type.name;
    type = Object.getPrototypeOf(type);
  }
  return "DirtyError";
}

// Anything can be thrown, also what has no text at all.
function text(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "The error has no text.";
  }
}

/**
 * Makes an error of the class that an ERROR frame names; an unknown name gives a plain DirtyError.
 * @param cause what else this side knows of it.
 */
export function fromWireError(wire: WireError, cause?: Error): DirtyError {
  const type = BY_NAME.get(wire.error_type) ?? DirtyError;
  return new type(wire.message, { details: wire.details, cause });
}
