import { describe, expect, test } from "vitest";
import * as errors from "../../src/protocol/errors.ts";
import { DirtyAppError, DirtyError, fromWireError, toWireError } from "../../src/protocol/errors.ts";
import { decodeTlv } from "../../src/protocol/tlv-reader.ts";
import { encodeTlv } from "../../src/protocol/tlv-writer.ts";
import { UNSENDABLE } from "./unsendable.ts";

type ErrorClass = new (message: string, options?: errors.DirtyErrorOptions) => DirtyError;

const classes = new Map<string, ErrorClass>(
  Object.entries(errors).flatMap(([name, value]) =>
    typeof value === "function" && (value === DirtyError || value.prototype instanceof DirtyError)
      ? [[name, value as ErrorClass] as const]
      : [],
  ),
);

function classOf(name: string): ErrorClass {
  const type = classes.get(name);
  if (type === undefined) throw new Error(`No class ${name}`);
  return type;
}

test("each class has a code of its own", () => {
  const codes = [...classes.values()].map((type) => new type("").code);
  expect(new Set(codes).size).toBe(classes.size);
});

test("the names are Gunicorn's, and ours extend DirtyError", () => {
  for (const name of [
    "DirtyError",
    "DirtyTimeoutError",
    "DirtyConnectionError",
    "DirtyWorkerError",
    "DirtyAppError",
    "DirtyAppNotFoundError",
    "DirtyNoWorkersAvailableError",
    "DirtyProtocolError",
  ]) {
    expect(classes.has(name), name).toBe(true);
  }
  expect(new (classOf("DirtyAppNotFoundError"))("x")).toBeInstanceOf(DirtyAppError);
});

test("a status and headers that a framework or a class of an app's own sets are those of the error", () => {
  const error = new DirtyError("x");
  Object.assign(error, { statusCode: 503 });
  expect([error.statusCode, error.headers]).toEqual([503, { "retry-after": "1" }]);
  Object.assign(error, { statusCode: 422, headers: { allow: "GET" } });
  expect([error.statusCode, error.headers]).toEqual([422, { allow: "GET" }]);
});

describe.for([...classes.keys()])("%s", (name) => {
  test("says when to come back where its HTTP status makes sense of that", () => {
    const status = new (classOf(name))("x").statusCode;
    const headersOf = (retry_after?: number) =>
      new (classOf(name))("x", { details: { retry_after } }).headers;
    const comesBack = status === 429 || status === 503;
    expect(headersOf()).toEqual(comesBack ? { "retry-after": "1" } : {});
    expect(headersOf(0)).toEqual(comesBack ? { "retry-after": "1" } : {});
    expect(headersOf(6.2)).toEqual(comesBack ? { "retry-after": "7" } : {});
  });

  test("carries its name and what is known of the failure", () => {
    const error = new (classOf(name))("what happened", { details: { a: 1 }, cause: "below" });
    expect(error.name).toBe(name);
    expect(error.message).toBe("what happened");
    expect(error.details).toEqual({ a: 1 });
    expect(error.cause).toBe("below");
    expect(error).toBeInstanceOf(DirtyError);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe(`${name}: what happened`);
    expect(error.stack).toContain(`${name}: what happened`);
    expect("cause" in new (classOf(name))("none")).toBe(false);
  });

  test("crosses the wire by its name", () => {
    const sent = new (classOf(name))("what happened", {
      details: { app: "a:A", timeout: 0.5 },
      cause: new Error("below"),
    });
    const wire = toWireError(sent, { extra: true });
    expect(wire).toEqual({
      error_type: name,
      message: "what happened",
      details: { extra: true, app: "a:A", timeout: 0.5 },
    });
    const received = fromWireError(decodeTlv(encodeTlv(wire)) as errors.WireError);
    expect(received.constructor).toBe(classOf(name));
    expect(received.code).toBe(new (classOf(name))("x").code);
    expect(received.message).toBe("what happened");
    expect(received.details).toEqual(wire.details);
    expect(received.cause).toBeUndefined();
  });
});

describe("an error of another class", () => {
  test.for(["ValueError", "", "Error", "constructor", "__proto__", "toString"])(
    "of the unknown type %j arrives as a DirtyError",
    (name) => {
      const received = fromWireError({ error_type: name, message: "m", details: { a: 1 } });
      expect(received.constructor).toBe(DirtyError);
      expect(received.code).toBe("DIRTY_ERROR");
      expect(received.message).toBe("m");
      expect(received.details).toEqual({ a: 1 });
    },
  );

  test("that an app throws crosses as a DirtyAppError with its class in the details", () => {
    expect(toWireError(new RangeError("too far"), { action: "run" })).toEqual({
      error_type: "DirtyAppError",
      message: "too far",
      details: { action: "run", error_class: "RangeError" },
    });
  });

  test.for<[unknown, string]>([
    ["text", "text"],
    [42, "42"],
    [undefined, "undefined"],
    [null, "null"],
    [Symbol("s"), "Symbol(s)"],
    [{ a: 1 }, "[object Object]"],
  ])("but %o crosses as a DirtyAppError too", ([thrown, message]) => {
    expect(toWireError(thrown)).toEqual({ error_type: "DirtyAppError", message, details: {} });
  });

  test("but an object that has no text crosses too", () => {
    expect(toWireError(Object.create(null)).error_type).toBe("DirtyAppError");
  });
});

describe("an error whose message is not text", () => {
  test.for(UNSENDABLE)("but $name crosses with a text", ({ value }) => {
    const error = Object.assign(new Error("x"), { message: value });
    expect(typeof toWireError(error).message).toBe("string");
    expect(() => encodeTlv(toWireError(error))).not.toThrow();
  });
});

describe("a class of the app's own", () => {
  test("may set its name, as most error classes do", () => {
    class QuotaError extends DirtyAppError {
      constructor(message: string) {
        super(message);
        this.name = "QuotaError";
      }
    }
    expect(new QuotaError("x").name).toBe("QuotaError");
  });

  test("arrives as the nearest class that both sides know, its own name in the details", () => {
    class QuotaError extends DirtyAppError {}
    const wire = toWireError(new QuotaError("used up", { details: { left: 0 } }));
    expect(wire).toEqual({
      error_type: "DirtyAppError",
      message: "used up",
      details: { left: 0, error_class: "QuotaError" },
    });
  });
});

test("retryAfter is what the server could tell, and nothing else", () => {
  const of = (details: errors.ErrorDetails) => new errors.DirtyQueueFullError("full", { details }).retryAfter;
  expect(of({ retry_after: 3 })).toBe(3);
  expect(of({})).toBeUndefined();
  expect(of({ retry_after: "3" })).toBeUndefined();
});
