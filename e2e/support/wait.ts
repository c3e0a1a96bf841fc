import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits until `look` gives something, and returns it.
 * @param what in words, for the error
 * @param look asked again and again; undefined and false mean not yet
 * @param deadline milliseconds
 * @throws when the deadline passes
 */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  deadline = 90_000,
): Promise<T> {
  const end = Date.now() + deadline;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited ${deadline / 1000} s in vain for ${what}`);
    await sleep(50);
  }
}
