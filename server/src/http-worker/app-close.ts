import { deadline } from "../process/deadline.ts";
import { getLogger } from "../process/logger.ts";

/**
 * Waits for the end of the app's close(), and logs what became of it: that is the last that is heard of it.
 * @param until a time of `performance.now()`.
 */
export async function closeWithin(until: number, closing: Promise<void>): Promise<void> {
  const began = performance.now();
  try {
    await deadline(until - began, closing, () => {
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      getLogger().error(
        `close() of the web app has not ended after ${seconds} s; give what it waits for a time limit, or raise gracefulTimeout`,
      );
    });
  } catch (error) {
    getLogger().error({ err: error }, "close() of the web app failed");
  }
}
