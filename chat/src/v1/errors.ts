import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { DirtyAppError, DirtyError } from "tsunicorn";
import { bodyLimitOf } from "../body-limits.ts";
import { describeFailure, type Failure, logFailure } from "../failures.ts";
import { UNSUPPORTED } from "../models/unsupported.ts";
import {
  BadInputError,
  type InputFault,
  NOT_UTF8,
  TOO_MANY_VALUES,
  UnsupportedBodyError,
} from "../schemas/bad-input.ts";

/** OpenAI's error object. */
export interface ErrorBody {
  readonly error: {
    /** For people. */
    readonly message: string;
    /** `invalid_request_error`, `rate_limit_error` or `server_error`. */
    readonly type: string;
    /** The field that is at fault, as in `messages[0].content`. */
    readonly param: string | null;
    /** For programs. */
    readonly code: string | null;
  };
}

/** A request on `/v1` that cannot be served as it is, and why. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;

  constructor(status: number, message: string, param: string | null = null, code: string | null = null) {
    super(message);
    this.status = status;
    this.param = param;
    this.code = code;
  }
}

/** Whether a path is one of the OpenAI API. */
export function isV1(url: string): boolean {
  return /^\/v1(?:[/?]|$)/.test(url);
}

/**
 * What every answer of `/v1` has, failed ones too. Its type is not guessed, and caches do not keep it, since it may be
 * private. An event stream has `no-cache, no-transform` in place of `no-store`: proxies know streams by that.
 */
const HEADERS = { "x-content-type-options": "nosniff", "cache-control": "no-store" };

/** Gives the answers of `/v1` their headers. Call it before any route is added. */
export function v1Headers(app: FastifyInstance): void {
  app.addHook("onRequest", (request, reply, done) => {
    if (isV1(request.url)) reply.headers(HEADERS);
    done();
  });
}

/** The refusal of a model that has no embeddings. */
export function noEmbeddings(model: string): RequestError {
  return new RequestError(
    400,
    `The model \`${model}\` does not support embeddings.`,
    "model",
    "unsupported_model",
  );
}

/** What a failure of a dirty call is in OpenAI's form. */
export function failureBody({ status, type, message }: Failure): ErrorBody {
  return {
    error: { message, type: status === 429 ? "rate_limit_error" : "server_error", param: null, code: type },
  };
}

/** Sends an error that the request is to blame for. */
export function refuse(
  reply: FastifyReply,
  status: number,
  message: string,
  param: string | null = null,
  code: string | null = null,
): FastifyReply {
  return send(reply, status, { error: { message, type: "invalid_request_error", param, code } });
}

/** Answers a request on `/v1` that failed, whatever with. */
export function replyToV1Error(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const refusal = error.statusCode === 413 ? tooLarge(request) : toRequestError(error, request.url);
  if (refusal !== undefined) {
    return refuse(reply, refusal.status, refusal.message, refusal.param, refusal.code);
  }
  logFailure(error, request.id);
  const failure = describeFailure(error);
  if (failure.retryAfter !== undefined) reply.header("retry-after", failure.retryAfter);
  return send(reply, failure.status, failureBody(failure));
}

/**
 * What is wrong with a request, where it is the request.
 * @param url what was asked for.
 */
export function toRequestError(error: FastifyError | Error, url: string): RequestError | undefined {
  if (error instanceof RequestError) return error;
  if (error instanceof BadInputError) return fromFault(error.detail[0]);
  if (error instanceof UnsupportedBodyError) return new RequestError(415, error.message, null, error.code);
  if (error instanceof DirtyAppError) {
    const { error_class, param, code } = error.details;
    if (error_class !== UNSUPPORTED && error.name !== UNSUPPORTED) return undefined;
    // A model knows conversations, of which a text to continue is one.
    const isText = param === "messages" && url.startsWith("/v1/completions");
    return new RequestError(400, error.message, isText ? "prompt" : text(param), text(code));
  }
  // The failures of dirty calls are not the fault of the request.
  if (error instanceof DirtyError) return undefined;
  const { statusCode } = error as FastifyError;
  if (statusCode === undefined || statusCode >= 500) return undefined;
  return new RequestError(statusCode, "The request cannot be read.");
}

function tooLarge(request: FastifyRequest): RequestError {
  return new RequestError(
    413,
    `The request body is larger than ${bodyLimitOf(request)}.`,
    null,
    "body_too_large",
  );
}

function fromFault(fault: InputFault | undefined): RequestError {
  const { loc = [], msg = "The request is not valid", type = "", ctx } = fault ?? {};
  if (type === "json_invalid") {
    return new RequestError(400, `The request body is not valid JSON: ${ctx?.error} at position ${loc[1]}.`);
  }
  if (type === TOO_MANY_VALUES.type)
    return new RequestError(400, `The request is too large: ${msg}.`, null, type);
  if (fault === NOT_UTF8)
    return new RequestError(400, "The request body is not UTF-8.", null, "invalid_utf8");
  const param = paramOf(loc.slice(1));
  if (param === "") return new RequestError(400, "The request body must be a JSON object.");
  if (type === "missing") {
    return new RequestError(
      400,
      `Missing required parameter: '${param}'.`,
      param,
      "missing_required_parameter",
    );
  }
  const code = type.endsWith("_type") ? "invalid_type" : "invalid_value";
  return new RequestError(400, `Invalid value for '${param}': ${msg}.`, param, code);
}

/** As in `messages[0].content`. */
function paramOf(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (param, key) => (typeof key === "number" ? `${param}[${key}]` : param === "" ? key : `${param}.${key}`),
    "",
  );
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function send(reply: FastifyReply, status: number, body: ErrorBody): FastifyReply {
  // No hook ran where Fastify could not read the URL.
  return reply.headers(HEADERS).code(status).type("application/json").serializer(JSON.stringify).send(body);
}
