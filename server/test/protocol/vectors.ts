import { readFileSync } from "node:fs";
import { hex } from "./bytes.ts";

/** Bytes with a name. */
export interface Vector {
  name: string;
  bytes: Buffer;
}

/** A value with its bytes. `encodes` is false where TypeScript writes other bytes for this value. */
export interface ValueVector extends Vector {
  value: unknown;
  encodes: boolean;
}

/** A whole frame. `payload` is undefined where it is empty. */
export interface FrameVector extends Vector {
  code: number;
  id: bigint;
  payload: unknown;
}

/** The golden values. */
export function valueVectors(): ValueVector[] {
  return load("values.json", "values").map((entry) => ({
    ...named(entry),
    value: untag(entry["value"]),
    encodes: entry["decodeOnly"] === undefined || !array(entry["decodeOnly"]).includes("typescript"),
  }));
}

/** A value that Gunicorn does not know. `gunicorn` is what is written for it instead. */
export interface OwnVector extends ValueVector {
  gunicorn: Buffer;
}

/** The golden values of types that are ours. */
export function ownVectors(): OwnVector[] {
  return load("own-values.json", "values").map((entry) => ({
    ...named(entry),
    value: untag(entry["value"]),
    encodes: true,
    gunicorn: hex(array(entry["gunicorn"]).map(text).join("")),
  }));
}

/** Bytes of our types that must be refused. */
export function ownMalformed(): Vector[] {
  return load("own-values.json", "malformed").map(named);
}

/** The golden frames. */
export function frameVectors(): FrameVector[] {
  return load("frames.json", "frames").map((entry) => ({
    ...named(entry),
    code: Number(entry["code"]),
    id: BigInt(text(entry["id"])),
    payload: entry["payload"] === undefined ? undefined : untag(entry["payload"]),
  }));
}

/** Bytes that must be refused, as values or as headers. */
export function malformed(kind: "values" | "headers"): Vector[] {
  return load("malformed.json", kind).map(named);
}

function load(file: string, key: string): Record<string, unknown>[] {
  const content: unknown = JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), "utf8"));
  return array(record(content)[key]).map(record);
}

function named(entry: Record<string, unknown>): Vector {
  return { name: text(entry["name"]), bytes: hex(array(entry["hex"]).map(text).join("")) };
}

/** Turns the vectors' form of a value into the value that this side decodes. */
function untag(form: unknown): unknown {
  if (form === null || typeof form !== "object") return form;
  const [kind, body] = Object.entries(form)[0] ?? [];
  switch (kind) {
    case "int": {
      const value = BigInt(text(body));
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    }
    case "float":
      return Number(text(body));
    case "bytes":
      return hex(text(body));
    case "list":
      return array(body).map(untag);
    case "dict":
      return dictOf(array(body).map((pair) => [text(array(pair)[0]), untag(array(pair)[1])]));
    case "undefined":
      return undefined;
    case "bigint":
      return BigInt(text(body));
    case "array":
      return elements(text(array(body)[0]), array(array(body)[1]).map(text));
    default:
      throw new Error(`No form of a value: ${JSON.stringify(form)}`);
  }
}

function elements(code: string, numbers: string[]): unknown {
  const bigints = (): bigint[] => numbers.map(BigInt);
  const plain = numbers.map(Number);
  switch (code) {
    case "A":
      return Uint8Array.from(plain).buffer;
    case "B":
      return Uint8Array.from(plain);
    case "C":
      return Uint8ClampedArray.from(plain);
    case "b":
      return Int8Array.from(plain);
    case "h":
      return Int16Array.from(plain);
    case "H":
      return Uint16Array.from(plain);
    case "i":
      return Int32Array.from(plain);
    case "I":
      return Uint32Array.from(plain);
    case "q":
      return BigInt64Array.from(bigints());
    case "Q":
      return BigUint64Array.from(bigints());
    case "f":
      return Float32Array.from(plain);
    case "d":
      return Float64Array.from(plain);
    default:
      throw new Error(`No elements: ${code}`);
  }
}

/** Makes an object in which every key is a property of its own, `__proto__` as well. */
export function dictOf(pairs: [key: string, value: unknown][]): Record<string, unknown> {
  const dict: Record<string, unknown> = {};
  for (const [key, value] of pairs) {
    Object.defineProperty(dict, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return dict;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Error(`No string: ${JSON.stringify(value)}`);
  return value;
}

function array(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(`No list: ${JSON.stringify(value)}`);
  return value;
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`No object: ${JSON.stringify(value)}`);
  }
  return value as Record<string, unknown>;
}
