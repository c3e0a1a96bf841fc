import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describeFileProblem } from "../process/file-problem.ts";

/** A file that holds the arbiter's process id while it runs. */
export class Pidfile {
  readonly path: string;
  /** By its inode the file is told from one that another server has put in its place since. */
  readonly inode: number;
  private readonly pid: number;

  private constructor(path: string, pid: number) {
    this.path = path;
    this.pid = pid;
    this.inode = statSync(path).ino;
  }

  /**
   * Writes the file. One that a process left behind which is gone is replaced; readers never see half a file.
   * @param path absolute; its folder must be there.
   * @param pid the process that the file speaks of.
   * @throws Error that says why: another process holds the file, it holds something else than a process id, or
   *   it cannot be written.
   */
  static write(path: string, pid: number = process.pid): Pidfile {
    const whole = `${path}.${pid}`;
    try {
      rmSync(whole, { force: true });
      writeFileSync(whole, `${pid}\n`, { flag: "wx", mode: 0o644 });
      try {
        // A link is made only where no file is, so of two servers that start at once one is refused.
        if (!isLinked(whole, path)) {
          refuseHolder(path, pid);
          renameSync(whole, path);
        }
      } finally {
        rmSync(whole, { force: true });
      }
      return new Pidfile(path, pid);
    } catch (error) {
      if (error instanceof HeldError) throw error;
      throw new Error(`Cannot write the pidfile ${path}: ${describeFileProblem(error)}.`);
    }
  }

  /** Removes the file, unless another process has written its own id there since. */
  remove(): void {
    try {
      if (readHolder(this.path) === this.pid) rmSync(this.path, { force: true });
    } catch {
      // It is gone already, or was taken away from this process: nothing that a stop could mend.
    }
  }
}

/** What is in the file's place is not this server's to replace. */
class HeldError extends Error {}

/** Whether the file got its name; some file systems have no links, and there only the look at the holder protects. */
function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch {
    return false;
  }
}

function refuseHolder(path: string, pid: number): void {
  const inPlace = statSync(path, { throwIfNoEntry: false });
  if (inPlace === undefined) return;
  if (!inPlace.isFile())
    throw new HeldError(`Cannot write the pidfile ${path}: the path is not a regular file.`);
  const holder = readHolder(path);
  // Its user may have named a file of data by mistake.
  if (holder === undefined) {
    throw new HeldError(`Cannot write the pidfile ${path}: the file that is there holds no process id.`);
  }
  if (holder !== 0 && holder !== pid && isAlive(holder)) {
    throw new HeldError(
      `The pidfile ${path} names process ${holder}, which is running. Stop that server first; if it is another program, remove the file.`,
    );
  }
}

/** The id in a pidfile; 0 when it is empty, as after a crash of the machine; undefined when it holds anything else. */
function readHolder(path: string): number | undefined {
  const text = readFileSync(path, "latin1").trim();
  if (text === "") return 0;
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user may not be signalled, but is there.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
