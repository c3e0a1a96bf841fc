import { isAscii, isUtf8, transcode } from "node:buffer";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  jsonFault,
  NOT_UTF8,
  TOO_MANY_VALUES,
  UnreadableBody,
  type UnsupportedBodyError,
  unsupportedEncoding,
  unsupportedType,
} from "../schemas/bad-input.ts";
import { findJsonError } from "../schemas/json-position.ts";
import { JsonSize } from "../schemas/json-size.ts";
import type { BodyRoom } from "./body-room.ts";

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json(?:\s*;|$)/i;

/** Up to this many bytes a body is read in one go. */
const SMALL = 64 * 1024;
/** Bytes of a larger body that are looked at in one turn of the event loop. */
const SLICE = 1024 * 1024;

const BOM = Buffer.from("\ufeff");

/**
 * Makes the routes of a scope read JSON bodies, and nothing else: a body that is not sent as JSON, or is encoded, is refused
 * with an {@link UnsupportedBodyError} before it is read. A page of another origin can send only other types without asking
 * first, so it cannot start an answer here.
 *
 * As FastAPI does, a body that cannot be read goes to validation, as an {@link UnreadableBody}.
 *
 * @param room what bodies have room in until they are answered.
 */
export function jsonBody(scope: FastifyInstance, room: BodyRoom): void {
  const largeBodies = new LargeBodies();
  scope.addHook("onRequest", (request, _reply, done) => done(unsupportedBody(request)));
  scope.addHook("preParsing", (request, reply, body, done) => {
    done(null, isEmpty(request) ? body : room.admit(body, reply.raw));
  });
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request: FastifyRequest, sent: Buffer) => {
    const body = sent.subarray(0, BOM.length).equals(BOM) ? sent.subarray(BOM.length) : sent;
    return body.length > SMALL ? largeBodies.read(body) : readBody(body);
  });
}

function isEmpty({ headers }: FastifyRequest): boolean {
  const { "content-length": length = "0", "transfer-encoding": encoding } = headers;
  return encoding === undefined && length === "0";
}

function unsupportedBody(request: FastifyRequest): UnsupportedBodyError | undefined {
  const { "content-type": type, "content-encoding": encoding } = request.headers;
  // What is not there has no type. Validation says that it is missing.
  if (type === undefined && isEmpty(request)) return undefined;
  if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity") {
    return unsupportedEncoding(encoding);
  }
  return JSON_TYPE.test(type ?? "") ? undefined : unsupportedType(type);
}

/**
 * Reads large bodies one after the other, with a turn of the event loop between their steps. So the streams of others go
 * on meanwhile, also where many such bodies come at once.
 */
class LargeBodies {
  #last: Promise<unknown> = Promise.resolve();

  read(body: Buffer): Promise<unknown> {
    const read = this.#last.then(() => readBody(body, nextTurn));
    this.#last = read;
    return read;
  }
}

/** @param pause what to wait for between two steps. It never fails: what cannot be read is a value too. */
async function readBody(body: Buffer, pause?: () => Promise<void>): Promise<unknown> {
  if (body.length === 0) return null;
  const size = new JsonSize();
  for (let at = 0; at < body.length && !size.isTooMuch; at += SLICE) {
    await pause?.();
    size.take(body, at, Math.min(body.length, at + SLICE));
  }
  if (size.isTooMuch) return new UnreadableBody(TOO_MANY_VALUES);
  await pause?.();
  const text = decode(body);
  if (text === undefined) return new UnreadableBody(NOT_UTF8);
  await pause?.();
  try {
    return JSON.parse(text);
  } catch {
    await pause?.();
    const position = findJsonError(text) ?? 0;
    return new UnreadableBody(jsonFault(position, position >= text.length));
  } finally {
    // What comes next in this turn is the validation.
    await pause?.();
  }
}

/** A body as text, unless it is not UTF-8. UTF-16 and UTF-32 are found by the zero that JSON in them begins with. */
function decode(body: Buffer): string | undefined {
  if (body[0] === 0 || body[1] === 0 || !isUtf8(body)) return undefined;
  // Twelve times as fast as toString("utf8") with a large text that is not ASCII.
  if (body.length > SMALL && !isAscii(body)) return transcode(body, "utf8", "utf16le").toString("utf16le");
  return body.toString("utf8");
}
