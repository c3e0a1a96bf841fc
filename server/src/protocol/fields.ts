import { DirtyProtocolError } from "./errors.ts";
import { decodeTlv } from "./tlv-reader.ts";

/** A message's payload: a dict that was decoded and not checked. */
export type Dict = Record<string, unknown>;

/** Reads a payload that must be a dict. */
export function readDict(buffer: Buffer, start: number, end: number): Dict {
  const value = start === end ? undefined : decodeTlv(buffer, start, end);
  if (!isDict(value)) throw new DirtyProtocolError("A message's payload is not a dict.");
  return value;
}

/** Whether a decoded value is a dict. */
export function isDict(value: unknown): value is Dict {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof ArrayBuffer)
  );
}

/** A field that must be a string. */
export function text(dict: Dict, key: string): string {
  const value = dict[key];
  if (typeof value !== "string") throw wrong(key, "a string");
  return value;
}

/** A field that must be a number. */
export function number(dict: Dict, key: string): number {
  const value = dict[key];
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(key, "a number");
  return value;
}

/** A field that must be a list. */
export function list(dict: Dict, key: string): unknown[] {
  const value = dict[key];
  if (!Array.isArray(value)) throw wrong(key, "a list");
  return value;
}

/** The texts of a field that must be a list. */
export function texts(dict: Dict, key: string): string[] {
  return list(dict, key).filter((item) => typeof item === "string");
}

/** A field that must be a list of dicts. */
export function dicts(dict: Dict, key: string): Dict[] {
  return list(dict, key).map((item) => {
    if (!isDict(item)) throw wrong(key, "a list of dicts");
    return item;
  });
}

/** A field that must be a dict. */
export function record(dict: Dict, key: string): Dict {
  const value = dict[key];
  if (!isDict(value)) throw wrong(key, "a dict");
  return value;
}

/** What is wrong with a field. */
export function wrong(key: string, what: string): DirtyProtocolError {
  return new DirtyProtocolError(`The field "${key}" of a message is not ${what}.`);
}
