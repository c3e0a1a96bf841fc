import type { OutgoingHttpHeader, OutgoingHttpHeaders } from "node:http";

/** The headers that `writeHead` takes: an object, a flat list of names and values, or a list of pairs. */
export type GivenHeaders = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * Puts the values of one name together, in the order in which they came.
 * @param list a flat list of names and values, or a list of pairs of both. A value may itself be a list.
 * @returns each name as it was written first, with its values; undefined when it is not such a list: Node tells why.
 */
export function groupHeaders(
  list: readonly unknown[],
): [name: string, value: string | string[]][] | undefined {
  const flat = Array.isArray(list[0]) ? list.flat() : list;
  if (flat.length % 2 !== 0) return undefined;
  const values = new Map<string, { name: string; value: string | string[] }>();
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i];
    if (typeof name !== "string") return undefined;
    const value = asValue(flat[i + 1]);
    if (value === undefined) return undefined;
    const key = name.toLowerCase();
    const before = values.get(key);
    if (before === undefined) values.set(key, { name, value });
    else before.value = [before.value, value].flat();
  }
  return [...values.values()].map(({ name, value }) => [name, value]);
}

function asValue(value: unknown): string | string[] | undefined {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}
