import {
  DirtyConnectionError,
  type DirtyError,
  DirtyQueueTimeoutError,
  DirtyTimeoutError,
  DirtyWorkerError,
} from "../protocol/errors.ts";

/** Seconds after which to come back where the dirty arbiter did not say: the most that it ever says. */
const RETRY_AFTER_SILENCE = 30;

/** The run is over its time. */
export function tookTooLong(label: string, seconds: number): DirtyError {
  return new DirtyTimeoutError(`${label} took longer than ${seconds} s.`, { details: { timeout: seconds } });
}

/** No slot came, and the dirty arbiter did not say so. */
export function waitedTooLong(app: string, seconds: number, connected: boolean): DirtyError {
  return connected
    ? new DirtyQueueTimeoutError(`${app} had no free slot for ${seconds} s.`, {
        details: { retry_after: RETRY_AFTER_SILENCE },
      })
    : new DirtyConnectionError(
        "The dirty arbiter cannot be reached. It is started again by the arbiter; see its log.",
      );
}

/**
 * Who asks for a stream was not told where it is: the dirty arbiter is gone, or waits for a worker that may have it.
 * Soon it may be known, and after the stream's grace it is too late.
 */
export function notFoundInTime(seconds: number): DirtyError {
  return new DirtyConnectionError(
    `Where the stream is could not be found out within ${seconds} s. Ask again.`,
    {
      details: { retry_after: 1 },
    },
  );
}

/** A worker does not answer a reader of its stream. */
export function noAnswer(seconds: number): DirtyError {
  return new DirtyConnectionError(`The dirty worker that has the stream did not answer for ${seconds} s.`);
}

/** The worker died, and no other may or can go on. */
export function workerDied(label: string, why = ""): DirtyError {
  return new DirtyWorkerError(`The dirty worker died while it ran ${label}${why}.`);
}

/** Too many workers died before the run began. */
export function diedBefore(label: string, count: number): DirtyError {
  return new DirtyWorkerError(
    `${count} dirty workers died before they began ${label}; it is not tried again.`,
  );
}

/** Too many refusals. */
export function refusedTooOften(app: string, count: number): DirtyError {
  return new DirtyWorkerError(`The workers of ${app} refused the request ${count} times.`);
}
