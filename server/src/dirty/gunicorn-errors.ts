import {
  DirtyAppNotFoundError,
  DirtyConnectionError,
  type DirtyError,
  DirtyNoWorkersAvailableError,
  fromWireError,
  type WireError,
} from "../protocol/errors.ts";

const WHY: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket; start Gunicorn with dirty workers, or correct the setting dirtySocket",
  ECONNREFUSED: "no server listens there any more; start Gunicorn again, or correct the setting dirtySocket",
  ENOTSOCK: "that is not a socket; correct the setting dirtySocket",
  EACCES: "this user may not open it; run both servers as the same user",
  EAGAIN: "too many connections wait to be accepted there; it may hang",
};

/** The other server's socket takes no connection. */
export function unreachable(path: string, cause: Error | undefined): DirtyConnectionError {
  const code = cause !== undefined && "code" in cause ? String(cause.code) : "";
  const why = WHY[code] ?? `${cause?.message ?? "it closed the connection at once"}`;
  return new DirtyConnectionError(`Gunicorn's dirty arbiter cannot be reached at ${path}: ${why}.`, {
    details: { socket_path: path },
    cause,
  });
}

/** The connection ended before the answer did. */
export function brokenOff(path: string, cause: Error | undefined): DirtyConnectionError {
  return new DirtyConnectionError(
    `Gunicorn's dirty arbiter at ${path} closed the connection before its answer was whole; see its log.`,
    { details: { socket_path: path }, cause },
  );
}

/**
 * Makes an error of what Gunicorn sent for a call of `action`. Where Gunicorn has only a text for what is a class here,
 * it is told by that text, which its arbiter and its base class have always written so.
 */
export function fromGunicorn(wire: WireError, action: string): DirtyError {
  const { error_type: type, message } = wire;
  const { traceback, ...details } = wire.details;
  if (type === "DirtyError" && message === "No dirty workers available") {
    return new DirtyNoWorkersAvailableError("Gunicorn has no dirty workers at the moment.", { details });
  }
  if (typeof traceback !== "string") return fromWireError(wire);
  // For the log, and not in `details`: what a web app shows of those must not show its users the app's code.
  const cause = new Error("the dirty app of Gunicorn failed");
  cause.stack = traceback;
  if (type === "DirtyAppError" && message === `Unknown action: ${action}`) {
    return new DirtyAppNotFoundError(
      `The dirty app ${String(details["app_path"])} has no action "${action}".`,
      {
        details,
        cause,
      },
    );
  }
  return fromWireError({ ...wire, details }, cause);
}
