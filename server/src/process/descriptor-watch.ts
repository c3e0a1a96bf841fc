import { closeSync, openSync } from "node:fs";
import { getLogger } from "./logger.ts";

const LOOK_MS = 1000;

/**
 * Says in the log when this process has no file descriptors left, once, and when it has some again. Nothing else
 * does: Node then closes each connection that it accepts, without a word.
 *
 * @param areLeft whether there is one. Default: it is tried.
 */
export function watchDescriptors(areLeft: () => boolean = canOpen): void {
  let since: number | undefined;
  setInterval(() => {
    const left = areLeft();
    if (!left && since === undefined) {
      since = performance.now();
      getLogger().error(
        "there are no file descriptors left: new connections are closed; raise the limit (ulimit -n, LimitNOFILE)",
      );
    } else if (left && since !== undefined) {
      const seconds = Math.ceil((performance.now() - since) / 1000);
      since = undefined;
      getLogger().info(`there are file descriptors again, after ${seconds} s`);
    }
  }, LOOK_MS).unref();
}

function canOpen(): boolean {
  try {
    closeSync(openSync("/dev/null", "r"));
    return true;
  } catch (error) {
    return !(
      error instanceof Error &&
      "code" in error &&
      (error.code === "EMFILE" || error.code === "ENFILE")
    );
  }
}
