import { readFileSync } from "node:fs";

/**
 * Whether a process of this user runs. One that has ended and that its parent has not asked about does not: where
 * none asks, as in many a container once the parent is gone, it would be there for ever.
 */
export function isRunning(pid: number): boolean {
  // To the system these ids stand for groups of processes. A child that could not be started has the id 0.
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return stateOf(pid) !== "Z";
}

// Linux tells; elsewhere the first process of the system takes every orphan's end.
function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before the state stands in brackets, and may have any characters itself.
    return stat[stat.lastIndexOf(")") + 2];
  } catch {
    return undefined;
  }
}
