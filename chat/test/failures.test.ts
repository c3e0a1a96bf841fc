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
import { ModelError } from "../src/models/model-error.ts";
import { UnsupportedRequestError } from "../src/models/unsupported.ts";
import { BodyRoomError } from "../src/plugins/body-room.ts";

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

  it("of a body without room is status 503, overloaded", () => {
    expect(describeFailure(new BodyRoomError(SECRET))).toEqual({
      status: 503,
      type: "overloaded",
      message: "Too many large requests are in progress. Try again later.",
      retryAfter: 1,
    });
  });

  it.each([
    ["upstream_busy", 429, "upstream_busy"],
    ["upstream_auth", 502, "upstream_refused"],
    ["upstream_not_found", 502, "upstream_refused"],
    ["upstream_failed", 502, "upstream_failed"],
    ["upstream_timeout", 504, "upstream_timeout"],
    ["closed", 503, "unavailable"],
  ] as const)("of a model's %s is status %i, %s", (reason, status, type) => {
    const thrown = new ModelError(reason, SECRET, { retryAfter: 7 });
    // As it is thrown, and as it comes over the wire.
    for (const error of [thrown, new DirtyAppError(SECRET, { details: thrown.details })]) {
      const failure = describeFailure(error);
      expect(failure).toMatchObject({ status, type });
      expect(JSON.stringify(failure)).not.toContain(SECRET);
      expect(failure.retryAfter).toBe(status === 429 || status === 503 ? 7 : undefined);
    }
  });

  it("of a request that the model can never answer is status 422", () => {
    const thrown = new UnsupportedRequestError(SECRET);
    const wired = new DirtyAppError(SECRET, { details: { error_class: "UnsupportedRequestError" } });
    for (const error of [thrown, wired])
      expect(describeFailure(error)).toMatchObject({ status: 422, type: "unsupported_request" });
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
