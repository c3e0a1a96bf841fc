import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { getLogger } from "../process/logger.ts";
import { loggedUrl } from "./logged-url.ts";

/** Characters of a client's `User-Agent` that the access log keeps. */
const LONGEST_AGENT = 300;

/** Writes a line to the access log when an upgraded connection has closed. */
export function logUpgrade(requestId: string, request: IncomingMessage, socket: Duplex): void {
  const began = performance.now();
  const { method } = request;
  const url = loggedUrl(request.url ?? "");
  const remote = request.socket.remoteAddress;
  const { upgrade } = request.headers;
  const agent = request.headers["user-agent"]?.slice(0, LONGEST_AGENT);
  socket.once("close", () => {
    const ms = Math.round(performance.now() - began);
    getLogger().info(
      { requestId, method, url, upgrade, ms, remote, agent },
      `${method} ${url} upgraded to ${upgrade} for ${ms} ms`,
    );
  });
}

/** Writes a line to the access log when a request has been answered, or its client has left. */
export function logAccess(requestId: string, request: IncomingMessage, response: ServerResponse): void {
  const began = performance.now();
  const { method } = request;
  const url = loggedUrl(request.url ?? "");
  const remote = request.socket.remoteAddress;
  response.once("close", () => {
    const ms = Math.round(performance.now() - began);
    const complete = response.writableFinished;
    getLogger().info(
      {
        requestId,
        method,
        url,
        status: response.statusCode,
        ms,
        remote,
        agent: request.headers["user-agent"]?.slice(0, LONGEST_AGENT),
        complete,
      },
      `${method} ${url} ${response.statusCode} in ${ms} ms${complete ? "" : ", cut short"}`,
    );
  });
}
