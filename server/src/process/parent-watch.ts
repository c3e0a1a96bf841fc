import type { Settings } from "../config/settings.ts";
import { endOwnGroup } from "./process-group.ts";

/**
 * Calls back once when the arbiter is gone. The channel that every child inherits closes with the process
 * that holds its other end, also after SIGKILL. The parent's id tells nothing: in a container the arbiter is
 * process 1, and so is the process that adopts an orphan.
 */
export function onParentGone(callback: () => void): void {
  if (!process.connected) {
    process.nextTick(callback);
    return;
  }
  process.once("disconnect", () => {
    // The arbiter would end what this process leaves in its group.
    process.once("exit", endOwnGroup);
    callback();
  });
}

/** Seconds after the arbiter's end in which the others may finish; then the dirty arbiter kills them. */
export function orphanSeconds({ gracefulTimeout, dirtyGracefulTimeout }: Settings): number {
  return Math.max(gracefulTimeout, dirtyGracefulTimeout);
}
