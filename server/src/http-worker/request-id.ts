import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

const HEADER = "x-request-id";
const ALLOWED = /^[\w.-]{1,128}$/;

/**
 * Gives the request an id: the client's own where it is harmless to log and to send back, else a new one.
 * The app finds it in the request's headers, the client in the response's, where there is one: an upgrade has none.
 */
export function assignRequestId(request: IncomingMessage, response?: ServerResponse): string {
  const given = request.headers[HEADER];
  const id = typeof given === "string" && ALLOWED.test(given) ? given : randomUUID();
  request.headers[HEADER] = id;
  response?.setHeader(HEADER, id);
  return id;
}
