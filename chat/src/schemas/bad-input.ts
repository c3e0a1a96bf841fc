import type { core } from "zod";
import { shorten } from "../shorten.ts";
import { MAX_KEYS, MAX_VALUES } from "./json-size.ts";

/** One fault in a request, in the shape that FastAPI gives it. */
export interface InputFault {
  /**
   * The way to the fault: `["body", "prompt"]`, `["header", "last-event-id"]`, or `["body", 17]` for a position in
   * malformed JSON.
   */
  readonly loc: readonly (string | number)[];
  /** What is wrong, for people. */
  readonly msg: string;
  /** What is wrong, for programs: pydantic's name for it. */
  readonly type: string;
  /** The limit that was passed, where there is one. */
  readonly ctx?: Readonly<Record<string, string | number>>;
}

/** A request that is not what the route takes; answered with its status and its faults. */
export class BadInputError extends Error {
  override readonly name = "BadInputError";
  readonly detail: readonly InputFault[];
  /** 422, or 400 where it could not be read as text at all. */
  readonly status: 400 | 422;

  constructor(detail: readonly InputFault[]) {
    super(detail.map(({ loc, msg }) => `${loc.join(".")}: ${msg}`).join("; "));
    this.detail = detail;
    this.status = detail.includes(NOT_UTF8) ? 400 : 422;
  }
}

/** A body that no route reads, whatever is in it; answered with 415. */
export class UnsupportedBodyError extends Error {
  override readonly name = "UnsupportedBodyError";
  readonly statusCode = 415;
  /** For programs: `unsupported_content_type` or `unsupported_content_encoding`. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** The refusal of a body that is not sent as JSON. */
export function unsupportedType(type: string | undefined): UnsupportedBodyError {
  const sent = type === undefined ? "without a content type" : `as ${JSON.stringify(shorten(type))}`;
  return new UnsupportedBodyError(
    `The request body was sent ${sent}. Send it as application/json.`,
    "unsupported_content_type",
  );
}

/** The refusal of a body that is compressed, or encoded in another way. */
export function unsupportedEncoding(encoding: string): UnsupportedBodyError {
  return new UnsupportedBodyError(
    `The request body has the content encoding ${JSON.stringify(shorten(encoding))}, which this server does not read. Send it without one.`,
    "unsupported_content_encoding",
  );
}

/**
 * The body of a request that could not be read as JSON at all. It stands in for the parsed body, so that the
 * fault is reported where all other faults are, in validation: a parser that fails closes the connection.
 */
export class UnreadableBody {
  readonly fault: InputFault;

  constructor(fault: InputFault) {
    this.fault = fault;
  }
}

/** The name of the custom check that a string is well-formed Unicode. */
export const STRING_UNICODE = "string_unicode";

/** The name of the custom check that a string is a whole number. */
export const INT_PARSING = "int_parsing";

/** What is said of text that is not Unicode. */
export const UNICODE_MESSAGE = "Input should be a valid string, unable to parse raw data as a unicode string";

const INT_MESSAGE = "Input should be a valid integer, unable to parse string as an integer";

const OBJECT_MESSAGE = "Input should be a valid dictionary or object to extract fields from";

/** The fault of a body that is not a JSON object. */
export const WRONG_TYPE: InputFault = { loc: ["body"], msg: OBJECT_MESSAGE, type: "model_attributes_type" };

/** The fault of a body that is not UTF-8. */
export const NOT_UTF8: InputFault = { loc: ["body"], msg: UNICODE_MESSAGE, type: STRING_UNICODE };

/** The fault of a body with more values or keys than are read. */
export const TOO_MANY_VALUES: InputFault = {
  loc: ["body"],
  msg: `Body should hold at most ${MAX_VALUES} values and ${MAX_KEYS} keys of objects, all levels together`,
  type: "too_many_values",
  ctx: { max_values: MAX_VALUES, max_keys: MAX_KEYS },
};

/** The fault of a body that stops being JSON at a position, counted in characters from 0. */
export function jsonFault(position: number, ended: boolean): InputFault {
  const error = ended ? "Unexpected end of JSON" : "Unexpected character";
  return { loc: ["body", position], msg: "JSON decode error", type: "json_invalid", ctx: { error } };
}

/** Turns an issue that zod found in a part of a request into FastAPI's shape. */
export function toInputFault(issue: core.$ZodIssue, part: "body" | "header" | "path"): InputFault {
  const loc = [part, ...issue.path.map((key) => (typeof key === "symbol" ? String(key) : key))];
  switch (issue.code) {
    case "invalid_type":
      // A request without a body is validated as null.
      if (issue.input === undefined || (issue.input === null && issue.path.length === 0)) {
        return { loc, msg: "Field required", type: "missing" };
      }
      return { loc, ...wrongType(issue.expected) };
    case "too_small": {
      const min = Number(issue.minimum);
      if (issue.origin === "number" || issue.origin === "int") {
        const msg = `Input should be greater than or equal to ${min}`;
        return { loc, msg, type: "greater_than_equal", ctx: { ge: min } };
      }
      if (issue.origin === "array") {
        const msg = `List should have at least ${min} item${min === 1 ? "" : "s"} after validation, not 0`;
        return {
          loc,
          msg,
          type: "too_short",
          ctx: { field_type: "List", min_length: min, actual_length: 0 },
        };
      }
      const msg = `String should have at least ${min} character${min === 1 ? "" : "s"}`;
      return { loc, msg, type: "string_too_short", ctx: { min_length: min } };
    }
    case "too_big": {
      const max = Number(issue.maximum);
      if (issue.origin === "number" || issue.origin === "int") {
        const msg = `Input should be less than or equal to ${max}`;
        return { loc, msg, type: "less_than_equal", ctx: { le: max } };
      }
      if (issue.origin === "array") {
        const actual = Array.isArray(issue.input) ? issue.input.length : max + 1;
        const msg = `List should have at most ${max} items after validation, not ${actual}`;
        const ctx = { field_type: "List", max_length: max, actual_length: actual };
        return { loc, msg, type: "too_long", ctx };
      }
      const msg = `String should have at most ${max} characters`;
      return { loc, msg, type: "string_too_long", ctx: { max_length: max } };
    }
    case "invalid_value": {
      const values = issue.values.filter((value) => typeof value === "string");
      // One with a message of its own says more than what it would have been.
      if (values.length < issue.values.length) break;
      if (issue.input === undefined) return { loc, msg: "Field required", type: "missing" };
      const expected = alternatives(values);
      return { loc, msg: `Input should be ${expected}`, type: "literal_error", ctx: { expected } };
    }
    case "invalid_union": {
      const inner = deepest(issue.errors);
      if (inner === undefined) break;
      return toInputFault({ ...inner, path: [...issue.path, ...inner.path] }, part);
    }
    case "custom":
      if (issue.params?.type === STRING_UNICODE) return { loc, msg: UNICODE_MESSAGE, type: STRING_UNICODE };
      if (issue.params?.type === INT_PARSING) return { loc, msg: INT_MESSAGE, type: INT_PARSING };
  }
  return { loc, msg: issue.message, type: "value_error" };
}

/** The first fault of the alternative that fits best: it lies furthest inside, or is not about the type. */
function deepest(alternatives: readonly (readonly core.$ZodIssue[])[]): core.$ZodIssue | undefined {
  const first = alternatives.flatMap((issues) => issues.slice(0, 1));
  const depth = ({ path, code }: core.$ZodIssue) => path.length + (code === "invalid_type" ? 0 : 0.5);
  return first.toSorted((a, b) => depth(b) - depth(a))[0];
}

/** As in `'user', 'assistant' or 'system'`. */
function alternatives(values: readonly string[]): string {
  const quoted = values.map((value) => `'${value}'`);
  const last = quoted.pop() ?? "";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}

function wrongType(expected: string): { msg: string; type: string } {
  switch (expected) {
    case "string":
      return { msg: "Input should be a valid string", type: "string_type" };
    case "int":
      return { msg: "Input should be a valid integer", type: "int_type" };
    case "boolean":
      return { msg: "Input should be a valid boolean", type: "bool_type" };
    case "array":
      return { msg: "Input should be a valid list", type: "list_type" };
    case "object":
      return { msg: OBJECT_MESSAGE, type: "model_attributes_type" };
    default:
      return { msg: `Input should be a valid ${expected}`, type: `${expected}_type` };
  }
}
