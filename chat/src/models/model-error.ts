import { DirtyAppError } from "tsunicorn";

/** Why a model could not answer, for programs to test. */
export type ModelErrorReason =
  /** The upstream has too many requests. */
  | "upstream_busy"
  /** The upstream refuses the server's key. */
  | "upstream_auth"
  /** The upstream does not have the model, or is not at that address. */
  | "upstream_not_found"
  /** The upstream failed, cannot be reached, or broke off in mid-answer. */
  | "upstream_failed"
  /** The upstream said nothing for too long. */
  | "upstream_timeout"
  /** The model was closed. */
  | "closed";

/**
 * A model that cannot answer now, and why; what it can never answer is an `UnsupportedRequestError`. It crosses the wire as a `DirtyAppError` whose `details.model_error` is the
 * reason. The message is for the log: it may name an upstream, and no client is shown it.
 */
export class ModelError extends DirtyAppError {
  readonly reason: ModelErrorReason;

  /** @param retryAfter seconds after which to ask again, where the upstream said so. */
  constructor(
    reason: ModelErrorReason,
    message: string,
    options: { cause?: unknown; retryAfter?: number } = {},
  ) {
    const { cause, retryAfter } = options;
    super(message, {
      cause,
      details: { model_error: reason, ...(retryAfter !== undefined && { retry_after: retryAfter }) },
    });
    this.reason = reason;
  }
}
