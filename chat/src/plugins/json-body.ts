import { isUtf8 } from "node:buffer";
import type { FastifyInstance } from "fastify";
import { jsonFault, NOT_UTF8, UnreadableBody } from "../schemas/bad-input.ts";
import { findJsonError } from "../schemas/json-position.ts";

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json(?:\s*;|$)/i;

/**
 * Makes the routes of a scope read JSON bodies as FastAPI does: a body that cannot be read goes to validation
 * as an {@link UnreadableBody}, and one of another content type as a string, which no schema here accepts.
 */
export function jsonBody(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", { parseAs: "buffer" }, (request, body, done) => {
    const isJson = JSON_TYPE.test(request.headers["content-type"] ?? "");
    done(null, isJson ? parse(body) : "");
  });
}

function parse(body: string | Buffer): unknown {
  if (body.length === 0) return null;
  if (Buffer.isBuffer(body) && !isUtf8(body)) return new UnreadableBody(NOT_UTF8);
  const text = body.toString();
  try {
    return JSON.parse(text);
  } catch {
    const position = findJsonError(text) ?? 0;
    return new UnreadableBody(jsonFault(position, position >= text.length));
  }
}
