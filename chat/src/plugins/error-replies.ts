import { STATUS_CODES } from "node:http";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { DirtyError } from "tsunicorn";
import { bodyLimitOf } from "../body-limits.ts";
import { describeFailure, logFailure } from "../failures.ts";
import { BadInputError, UnsupportedBodyError } from "../schemas/bad-input.ts";
import { isV1, refuse, replyToV1Error, toRequestError } from "../v1/errors.ts";
import { BodyRoomError } from "./body-room.ts";

/**
 * Gives every failed request FastAPI's body, `{"detail": …}`, or on `/v1` OpenAI's, `{"error": …}`: bad input is 422
 * (there 400) with its faults, an unknown
 * route 404, a known one with another method 405 with `Allow`, and the failures of dirty calls have the
 * statuses of {@link describeFailure}. What went wrong inside is logged, and never sent.
 *
 * Call it before any route is added: it notes their methods.
 */
export function errorReplies(app: FastifyInstance): void {
  const routes = new Map<string, { paths: RegExp; methods: Set<string> }>();
  app.addHook("onRoute", ({ url, method }) => {
    const { paths, methods } = routes.get(url) ?? { paths: pathsOf(url), methods: new Set() };
    for (const name of [method].flat()) methods.add(name);
    routes.set(url, { paths, methods });
  });

  app.setNotFoundHandler((request, reply) => {
    const path = request.url.replace(/\?.*$/s, "");
    const route = [...routes.values()].find(({ paths }) => paths.test(path));
    // With a method that the route has, it was the route that found nothing.
    const status = route === undefined || route.methods.has(request.method) ? 404 : 405;
    if (status === 405) reply.header("allow", [...(route?.methods ?? [])].sort().join(", "));
    if (!isV1(request.url)) return sendDetail(reply, status);
    const code = status === 404 ? "unknown_url" : "method_not_supported";
    return refuse(reply, status, `Invalid URL (${request.method} ${path})`, null, code);
  });
  app.setErrorHandler(replyToError);
}

/** The paths that a route serves, its parameters replaced. One that checks its parameters itself has none here. */
function pathsOf(url: string): RegExp {
  const literal = url.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${literal.replace(/:\w+/g, "[^/]+")}$`);
}

/** Answers a request that failed, whatever with. */
export function replyToError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE" || error instanceof BodyRoomError) {
    // Fastify would close the connection, on which many a client is still sending: it would see a broken pipe
    // and no answer. Kept open, the rest of the body is read and dropped, for as long as a request may take.
    reply.removeHeader("connection");
  }
  if (isV1(request.url)) return replyToV1Error(error, request, reply);
  if (error instanceof BadInputError) return sendDetail(reply, error.status, error.detail);
  if (error instanceof UnsupportedBodyError) return sendDetail(reply, 415, error.message);
  if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return sendDetail(reply, 413, `Request body is larger than ${bodyLimitOf(request)}`);
  }
  const refusal = toRequestError(error, request.url);
  // What the model refuses, such as a conversation that it has no room for.
  if (error instanceof DirtyError && refusal !== undefined) {
    return sendDetail(reply, 422, [
      { loc: ["body"], msg: refusal.message, type: refusal.code ?? "value_error" },
    ]);
  }
  const status = error.statusCode ?? 500;
  if (status < 500 && !(error instanceof DirtyError)) return sendDetail(reply, status);

  logFailure(error, request.id);
  const failure = describeFailure(error);
  if (failure.retryAfter !== undefined) reply.header("retry-after", failure.retryAfter);
  return sendDetail(reply, failure.status, failure.message);
}

function sendDetail(
  reply: FastifyReply,
  status: number,
  detail: unknown = STATUS_CODES[status],
): FastifyReply {
  return reply
    .code(status)
    .type("application/json")
    .serializer(JSON.stringify)
    .send({ detail: detail ?? "Error" });
}
