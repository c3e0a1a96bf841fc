import type { Worker } from "node:worker_threads";

/**
 * Passes on what a thread prints, and never has the thread wait for it. If the reader of this process's output does not
 * read, it is dropped, as what the process itself prints. Node alone would stop the thread until the reader reads on,
 * and all that waits for the thread.
 * @param thread one that was made with `OWN_OUTPUT`.
 */
export function passOutputOn(thread: Worker): void {
  thread.stdout.on("data", (data: Buffer) => process.stdout.write(data));
  thread.stderr.on("data", (data: Buffer) => process.stderr.write(data));
}

/** Options of a thread whose output is passed on by `passOutputOn`, and not by Node. */
export const OWN_OUTPUT = { stdout: true, stderr: true } as const;
