import * as tsunicorn from "tsunicorn";
import {
  DirtyAppError,
  DirtyAppNotFoundError,
  DirtyCancelledError,
  DirtyConnectionError,
  DirtyDrainingError,
  DirtyError,
  DirtyNoWorkersAvailableError,
  DirtyProtocolError,
  DirtyQueueFullError,
  DirtyQueueTimeoutError,
  DirtyStreamGoneError,
  DirtyStreamNotFoundError,
  DirtyTimeoutError,
  DirtyWorkerError,
} from "tsunicorn";
import { describe, expect, it } from "vitest";
import { describeFailure } from "../src/failures.ts";

const SECRET = "what the app said";

describe("what a client is told", () => {
  it.each([
    [DirtyQueueFullError, 429, "queue_full"],
    [DirtyQueueTimeoutError, 503, "queue_timeout"],
    [DirtyDrainingError, 503, "draining"],
    [DirtyNoWorkersAvailableError, 503, "no_workers"],
    [DirtyConnectionError, 503, "unavailable"],
    [DirtyStreamNotFoundError, 404, "stream_not_found"],
    [DirtyStreamGoneError, 410, "stream_gone"],
    [DirtyCancelledError, 410, "cancelled"],
    [DirtyTimeoutError, 504, "timeout"],
    [DirtyAppError, 500, "app_error"],
    [DirtyWorkerError, 500, "worker_died"],
    [DirtyAppNotFoundError, 500, "internal_error"],
    [DirtyProtocolError, 500, "internal_error"],
    [DirtyError, 500, "internal_error"],
  ] as const)("of a %o is status %i, %s", (DirtyClass, status, type) => {
    const failure = describeFailure(new DirtyClass(SECRET));
    expect(failure).toMatchObject({ status, type });
    expect(failure.message).not.toBe("");
    expect(JSON.stringify(failure)).not.toContain(SECRET);
    // Only where a new try can succeed.
    expect(failure.retryAfter).toBe(status === 429 || status === 503 ? 1 : undefined);
  });

  it("covers every error of the server", () => {
    const classes = Object.keys(tsunicorn).filter((name) => /^Dirty.*Error$/.test(name));
    expect(classes).toHaveLength(14);
  });

  it("is a fault of the server for any other error", () => {
    for (const error of [new TypeError(SECRET), SECRET, undefined, null]) {
      expect(describeFailure(error)).toEqual({
        status: 500,
        type: "internal_error",
        message: "Internal Server Error",
      });
    }
  });

  it("passes on when the server thinks that a place will be free", () => {
    const error = new DirtyQueueFullError(SECRET, { details: { retry_after: 7 } });
    expect(describeFailure(error).retryAfter).toBe(7);
    const soon = new DirtyQueueFullError(SECRET, { details: { retry_after: 0.2 } });
    expect(describeFailure(soon).retryAfter).toBe(1);
  });
});
