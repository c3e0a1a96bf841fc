import { expect } from "vitest";

/** Which of the processes that a server has told of are still there. */
export function survivors(output: string): string[] {
  const children = [...output.matchAll(/((?:http|dirty) (?:worker|arbiter)) (\d+) is ready/g)];
  expect(children.length).toBeGreaterThanOrEqual(3);
  return children.filter(([, , pid]) => isThere(Number(pid))).map(([line]) => line);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
