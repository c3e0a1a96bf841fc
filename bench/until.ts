import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits until a condition holds, looking every few ms.
 * @throws Error that names it when it does not within `ms`
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { ms = 30_000, everyMs = 5 }: { ms?: number; everyMs?: number } = {},
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(everyMs);
  }
}
