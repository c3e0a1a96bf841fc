/**
 * The errors of dirty calls. They keep Gunicorn's names, because they cross the wire by name. Each carries a stable
 * `code` for programs to test, and the HTTP status for the client of the HTTP worker. What each means to a user stands in
 * docs/dirty-apps.md, which a test holds to these classes.
 */

/** The HTTP statuses of {@link DirtyError.statusCode}. */
export type DirtyStatusCode = 404 | 410 | 429 | 500 | 503 | 504;

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
  /** {@link DirtyError.statusCode} of the class. The default is for a fault of this side. */
  protected static readonly status: DirtyStatusCode = 500;
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
    return (this.constructor as typeof DirtyError).status;
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
  protected static override readonly status = 504;
}

/** The dirty arbiter, or the worker that was chosen, cannot be reached. */
export class DirtyConnectionError extends DirtyError {
  override readonly code = "DIRTY_CONNECTION";
  protected static override readonly status = 503;
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
  protected static override readonly status = 503;
}

/** Bytes that break the wire's rules, or a value that it cannot carry. */
export class DirtyProtocolError extends DirtyError {
  override readonly code = "DIRTY_PROTOCOL";
}

/** The app's queue holds `dirtyQueueSize` requests already. `retryAfter` says when to come back. */
export class DirtyQueueFullError extends DirtyError {
  override readonly code = "DIRTY_QUEUE_FULL";
  protected static override readonly status = 429;
}

/** The request waited `dirtyQueueTimeout` seconds and got no slot. */
export class DirtyQueueTimeoutError extends DirtyError {
  override readonly code = "DIRTY_QUEUE_TIMEOUT";
  protected static override readonly status = 503;
}

/** The server is shutting down and starts nothing new. */
export class DirtyDrainingError extends DirtyError {
  override readonly code = "DIRTY_DRAINING";
  protected static override readonly status = 503;
}

/** No resumable stream has that id: it was never made, it was cancelled, or its time is over. */
export class DirtyStreamNotFoundError extends DirtyError {
  override readonly code = "DIRTY_STREAM_NOT_FOUND";
  protected static override readonly status = 404;
}

/** The chunks that were asked for are not kept any more, or the worker that kept them died. */
export class DirtyStreamGoneError extends DirtyError {
  override readonly code = "DIRTY_STREAM_GONE";
  protected static override readonly status = 410;
}

/** A client ended the stream by its id. */
export class DirtyCancelledError extends DirtyError {
  override readonly code = "DIRTY_CANCELLED";
  // Not 409, on which clients commonly try again: this answer will never come.
  protected static override readonly status = 410;
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
