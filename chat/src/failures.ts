import { DirtyError, getLogger } from "tsunicorn";
import type { ModelErrorReason } from "./models/model-error.ts";
import { UNSUPPORTED } from "./models/unsupported.ts";
import { BodyRoomError } from "./plugins/body-room.ts";

/** What a client is told when the dirty side could not answer it. Never what the app or an upstream said. */
export interface Failure {
  /** The HTTP status, where the headers have not gone out yet. */
  readonly status: 404 | 410 | 422 | 429 | 500 | 502 | 503 | 504;
  /** For programs: one of the types in the table of this module. */
  readonly type: string;
  /** For people: one fixed text per type. */
  readonly message: string;
  /** Whole seconds after which to try again; only where a new try can succeed (429 and 503). */
  readonly retryAfter?: number;
}

interface Row extends Omit<Failure, "retryAfter" | "status"> {
  readonly log: "debug" | "warn" | "error";
}

interface RowWithStatus extends Row {
  readonly status: Failure["status"];
}

// By the code of the error, whose status is its own. What comes by the thousand under load is logged quietly, or the log
// would make the overload worse.
const TABLE: Readonly<Record<string, Row>> = {
  DIRTY_QUEUE_FULL: {
    type: "queue_full",
    message: "Too many requests are waiting. Try again later.",
    log: "debug",
  },
  DIRTY_QUEUE_TIMEOUT: {
    type: "queue_timeout",
    message: "The request waited for too long. Try again later.",
    log: "debug",
  },
  DIRTY_DRAINING: {
    type: "draining",
    message: "The server is shutting down. Try again later.",
    log: "debug",
  },
  DIRTY_NO_WORKERS: {
    type: "no_workers",
    message: "The model is not available. Try again later.",
    log: "warn",
  },
  DIRTY_CONNECTION: {
    type: "unavailable",
    message: "The model cannot be reached. Try again later.",
    log: "warn",
  },
  DIRTY_STREAM_NOT_FOUND: {
    type: "stream_not_found",
    message: "There is no such stream, or it has expired.",
    log: "debug",
  },
  DIRTY_STREAM_GONE: {
    type: "stream_gone",
    message: "This answer can no longer be continued from there.",
    log: "debug",
  },
  DIRTY_CANCELLED: { type: "cancelled", message: "The answer was cancelled.", log: "debug" },
  DIRTY_TIMEOUT: { type: "timeout", message: "The answer took too long.", log: "warn" },
  DIRTY_APP: { type: "app_error", message: "The model failed to answer.", log: "error" },
  DIRTY_WORKER: {
    type: "worker_died",
    message: "The process that made this answer has died.",
    log: "error",
  },
};

const INTERNAL_ERROR: RowWithStatus = {
  status: 500,
  type: "internal_error",
  message: "Internal Server Error",
  log: "error",
};

const OVERLOADED: RowWithStatus = {
  status: 503,
  type: "overloaded",
  message: "Too many large requests are in progress. Try again later.",
  log: "debug",
};

// Of errors that the model itself threw, by the reason that it gave.
const MODEL_TABLE: Readonly<Record<ModelErrorReason, RowWithStatus>> = {
  upstream_busy: {
    status: 429,
    type: "upstream_busy",
    message: "The model's provider has too many requests. Try again later.",
    log: "debug",
  },
  upstream_auth: {
    status: 502,
    type: "upstream_refused",
    message: "The model's provider refuses this server.",
    log: "error",
  },
  upstream_not_found: {
    status: 502,
    type: "upstream_refused",
    message: "The model's provider refuses this server.",
    log: "error",
  },
  upstream_failed: {
    status: 502,
    type: "upstream_failed",
    message: "The model's provider failed to answer.",
    log: "error",
  },
  upstream_timeout: {
    status: 504,
    type: "upstream_timeout",
    message: "The model's provider took too long.",
    log: "warn",
  },
  closed: {
    status: 503,
    type: "unavailable",
    message: "The model cannot be reached. Try again later.",
    log: "warn",
  },
};

const UNSUPPORTED_REQUEST: RowWithStatus = {
  status: 422,
  type: "unsupported_request",
  message: "The model cannot take this request: it is too long, or asks for what the model does not have.",
  log: "debug",
};

function modelRow(error: DirtyError): RowWithStatus | undefined {
  if (error.code !== "DIRTY_APP") return undefined;
  const { model_error: reason, error_class } = error.details;
  if (error_class === UNSUPPORTED || error.name === UNSUPPORTED) return UNSUPPORTED_REQUEST;
  return typeof reason === "string" && isReason(reason) ? MODEL_TABLE[reason] : undefined;
}

function isReason(reason: string): reason is ModelErrorReason {
  return Object.hasOwn(MODEL_TABLE, reason);
}

function rowOf(error: unknown): RowWithStatus {
  if (error instanceof BodyRoomError) return OVERLOADED;
  if (!(error instanceof DirtyError)) return INTERNAL_ERROR;
  const row = TABLE[error.code];
  return modelRow(error) ?? (row === undefined ? INTERNAL_ERROR : { ...row, status: error.statusCode });
}

/**
 * What to tell the client about an error of a dirty call, or of a body without room.
 *
 * | type | status | when |
 * |---|---|---|
 * | `queue_full` | 429 | all slots are taken and the queue has no place left |
 * | `queue_timeout` | 503 | the request waited in the queue for too long |
 * | `overloaded` | 503 | the bodies of the requests in progress leave no room for this one |
 * | `draining` | 503 | the server is shutting down |
 * | `no_workers` | 503 | no dirty worker runs the chat at the moment |
 * | `unavailable` | 503 | the dirty side cannot be reached |
 * | `timeout` | 504 | the answer took longer than `dirtyTimeout` |
 * | `app_error` | 500 | the model failed |
 * | `unsupported_request` | 422 | the model can never answer this request |
 * | `upstream_busy` | 429 | the upstream of the model has too many requests |
 * | `upstream_refused` | 502 | the upstream refuses the server's key, or has no such model |
 * | `upstream_failed` | 502 | the upstream failed, cannot be reached, or broke off |
 * | `upstream_timeout` | 504 | the upstream said nothing for too long |
 * | `worker_died` | 500 | the dirty worker died while it answered |
 * | `stream_not_found` | 404 | no resumable answer has this id, or it has expired |
 * | `stream_gone` | 410 | what comes next of a resumable answer is not kept any more, or its worker died |
 * | `cancelled` | 410 | the answer was cancelled by its id |
 * | `internal_error` | 500 | anything else, so a fault of ours |
 */
export function describeFailure(error: unknown): Failure {
  const { status, type, message } = rowOf(error);
  if (status !== 429 && status !== 503) return { status, type, message };
  const seconds = (error instanceof DirtyError ? error.retryAfter : undefined) ?? 1;
  return { status, type, message, retryAfter: Math.max(1, Math.ceil(seconds)) };
}

/** Logs the cause of a failure, which the client is not told, beside the id of its request. */
export function logFailure(error: unknown, requestId: string): void {
  const { log, type } = rowOf(error);
  getLogger()[log]({ err: error, requestId, type }, "request failed");
}
