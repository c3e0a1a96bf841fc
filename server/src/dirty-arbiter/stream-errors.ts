import {
  DirtyCancelledError,
  type DirtyError,
  DirtyQueueTimeoutError,
  DirtyStreamGoneError,
  DirtyStreamNotFoundError,
} from "../protocol/errors.ts";

// A reader that stays away for longer than the stream's grace finds it gone.
const RETRY_AFTER = 1;

/** The stream is unknown, or not known any more. */
export function notFound(): DirtyError {
  return new DirtyStreamNotFoundError("No stream has this id.");
}

/** Its worker died or was replaced, and no reader had it continued. */
export function gone(): DirtyError {
  return new DirtyStreamGoneError("The dirty worker that had the stream is gone.");
}

/** A client ended it by its id. */
export function cancelled(): DirtyError {
  return new DirtyCancelledError("The stream was cancelled.");
}

/** A worker that may have it does not say so. */
export function notHeardOf(): DirtyError {
  return new DirtyQueueTimeoutError(
    "A dirty worker that may have the stream has not come to the new dirty arbiter. Ask again.",
    { details: { retry_after: RETRY_AFTER } },
  );
}

/** It still waits for a slot. */
export function waitedTooLong(): DirtyError {
  return new DirtyQueueTimeoutError("The stream had no free slot for too long.", {
    details: { retry_after: RETRY_AFTER },
  });
}
