import { checkTableOptions, type StashTableOptions } from "../dirty/stash-table-options.ts";
import { checkName } from "../protocol/stash-messages.ts";

/** Tables by their names, with the bounds that they were declared with. */
export type StashDeclarations = ReadonlyMap<string, StashTableOptions>;

const OPTIONS = new Set(["maxEntries", "maxBytes", "ttl"]);

/**
 * Reads an app's `static stashes`: names, or an object of bounds by name.
 * @throws Error that says what of it is wrong.
 */
export function readStashes(app: string, declared: unknown): StashDeclarations {
  const where = `static stashes of the dirty app ${app}`;
  if (declared === undefined) return new Map();
  if (typeof declared !== "object" || declared === null) {
    throw new Error(`${where} must be a list of table names, or an object with the bounds of each.`);
  }
  const entries: [unknown, unknown][] = Array.isArray(declared)
    ? declared.map((name: unknown) => [name, {}])
    : Object.entries(declared);
  return new Map(entries.map(([name, options]) => [nameIn(where, name), optionsIn(where, name, options)]));
}

/**
 * Puts the declarations of several apps together.
 * @throws Error when two of them declare one table with different bounds.
 */
export function joinStashes(apps: Iterable<readonly [app: string, StashDeclarations]>): StashDeclarations {
  const joined = new Map<string, { app: string; options: StashTableOptions }>();
  for (const [app, tables] of apps) {
    for (const [name, options] of tables) {
      const other = joined.get(name);
      if (other !== undefined && !alike(other.options, options)) {
        throw new Error(
          `The dirty apps ${other.app} and ${app} declare the stash table "${name}" with different bounds.`,
        );
      }
      joined.set(name, { app, options });
    }
  }
  return new Map([...joined].map(([name, { options }]) => [name, options]));
}

function nameIn(where: string, name: unknown): string {
  try {
    return checkName("table", name);
  } catch (error) {
    throw new Error(`A table in ${where} has no usable name.`, { cause: error });
  }
}

function optionsIn(where: string, name: unknown, options: unknown): StashTableOptions {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new Error(`"${name}" in ${where} must be an object with maxEntries, maxBytes or ttl.`);
  }
  const unknown = Object.keys(options).find((option) => !OPTIONS.has(option));
  if (unknown !== undefined) {
    throw new Error(
      `"${name}" in ${where} has the unknown option ${unknown}; there are maxEntries, maxBytes and ttl.`,
    );
  }
  return checkTableOptions(`"${name}" in ${where}`, options);
}

function alike(a: StashTableOptions, b: StashTableOptions): boolean {
  return a.maxEntries === b.maxEntries && a.maxBytes === b.maxBytes && a.ttl === b.ttl;
}
