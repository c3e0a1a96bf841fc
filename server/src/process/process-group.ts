import { readdirSync, readFileSync } from "node:fs";

/** ms that what is left of a group gets to end by itself, before it is killed. */
const GRACE_MS = 500;
/** ms that are waited for the end of what was killed. A process that the kernel holds ends when it lets go. */
const KILLED_MS = 300;
const POLL_MS = 10;

/**
 * Ends what a process has left in its group: the children of its own that it did not end. Called when the process,
 * which led the group, has ended.
 * @returns undefined where nothing was left, else what resolves when it has gone, within a second.
 */
export function endGroup(leader: number): Promise<void> | undefined {
  // To the system 0 and -1 are this process's own group, and every process.
  if (leader <= 1 || !signal(leader, "SIGTERM")) return undefined;
  return (async () => {
    if (await gone(leader, GRACE_MS)) return;
    signal(leader, "SIGKILL");
    await gone(leader, KILLED_MS);
  })();
}

/**
 * Ends this process's group, and with it this process: for one that ends while no other is there to do it. It holds
 * up the process for half a second at most, and returns where nothing else is in the group.
 */
export function endOwnGroup(): void {
  const { pid } = process;
  if (!hasOthers(pid)) return;
  signal(pid, "SIGTERM");
  const until = performance.now() + GRACE_MS;
  while (hasOthers(pid) && performance.now() < until) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
  if (hasOthers(pid)) signal(pid, "SIGKILL");
}

async function gone(leader: number, ms: number): Promise<boolean> {
  const until = performance.now() + ms;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (!hasOthers(leader)) return true;
    if (performance.now() > until) return false;
  }
}

/** @returns whether the group has a process. */
function signal(leader: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, name);
    return true;
  } catch {
    return false;
  }
}

/** Whether a group has other processes than its leader that run. Those that have ended and wait for their parent do not. */
function hasOthers(leader: number): boolean {
  if (!signal(leader, 0)) return false;
  let pids: string[];
  try {
    pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    // Not Linux: the group is there.
    return true;
  }
  return pids.some((pid) => {
    if (Number(pid) === leader) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // Behind the name, which stands in brackets: the state, the parent, the group (proc(5)).
      const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return Number(group) === leader && state !== "Z" && state !== "X";
    } catch {
      return false;
    }
  });
}
