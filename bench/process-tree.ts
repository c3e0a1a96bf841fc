import { readdir, readFile } from "node:fs/promises";

/** Ticks of a second in /proc/PID/stat: what Linux shows to user space, whatever the kernel's own clock is. */
const TICKS_PER_SECOND = 100;

interface Stat {
  parent: number;
  /** User and system time of all its threads, in seconds. */
  cpu: number;
}

/**
 * The process and all that descend from it, in ascending order.
 * Empty when it is gone.
 */
export async function processTree(root: number): Promise<number[]> {
  const children = new Map<number, number[]>();
  let found = false;
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const stat = await readStat(pid);
    if (!stat) continue;
    if (pid === root) found = true;
    const siblings = children.get(stat.parent);
    if (siblings) siblings.push(pid);
    else children.set(stat.parent, [pid]);
  }
  if (!found) return [];
  const tree = [root];
  for (let at = 0; at < tree.length; at++) tree.push(...(children.get(tree[at] ?? 0) ?? []));
  return tree.sort((a, b) => a - b);
}

/**
 * CPU time, user and system, that each of the processes has used, in seconds.
 * @throws Error when one of them has ended: its time would be missing.
 */
export async function cpuSeconds(pids: readonly number[]): Promise<Map<number, number>> {
  const times = new Map<number, number>();
  for (const pid of pids) {
    const stat = await readStat(pid);
    if (!stat) throw new Error("a server process ended while it was measured");
    times.set(pid, stat.cpu);
  }
  return times;
}

/**
 * Memory of the processes together, in bytes, as PSS: a page that several share counts once among them.
 * What the kernel keeps for their sockets is not in it.
 * @throws Error when one of them has ended.
 */
export async function pssBytes(pids: readonly number[]): Promise<number> {
  let sum = 0;
  for (const pid of pids) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
    const kilobytes = /^Pss: +(\d+) kB$/m.exec(rollup)?.[1];
    if (kilobytes === undefined) throw new Error("this kernel tells no PSS in smaps_rollup");
    sum += Number(kilobytes) * 1024;
  }
  return sum;
}

/** The process's title, or its command line. Empty when it is gone. */
export async function processTitle(pid: number): Promise<string> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.replaceAll("\0", " ").trim();
}

/** Most files that a process started from here may open, sockets too. Node raises its soft limit to this itself. */
export async function openFileLimit(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8");
  const hard = /^Max open files +\S+ +(\S+)/m.exec(limits)?.[1];
  return hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard ?? 0);
}

async function readStat(pid: number): Promise<Stat | null> {
  const line = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => null);
  if (line === null) return null;
  // The second field is the name in parentheses and may hold anything, so the rest is counted from its end.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3] ?? 0);
  return { parent: field(4), cpu: (field(14) + field(15)) / TICKS_PER_SECOND };
}
