/** What a table may hold. */
export interface StashTableOptions {
  /** Entries. Default: 100,000. */
  maxEntries?: number;
  /** Bytes of all keys and encoded values. Default: 64 MiB. */
  maxBytes?: number;
  /** Seconds that an entry lives that is put without a `ttl` of its own. Default: for ever. */
  ttl?: number;
}

/**
 * Looks at what a table is declared with.
 * @throws TypeError that begins with `what` and names the option.
 */
export function checkTableOptions(what: string, options: StashTableOptions): StashTableOptions {
  for (const name of ["maxEntries", "maxBytes"] as const) {
    const value: unknown = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && Number(value) > 0)) {
      throw new TypeError(`${name} of ${what} is ${String(value)}; it must be a whole number of at least 1.`);
    }
  }
  const { ttl } = options;
  if (ttl !== undefined && !(typeof ttl === "number" && ttl > 0)) {
    throw new TypeError(`ttl of ${what} is ${String(ttl)}; it must be a number of seconds above 0.`);
  }
  return options;
}
