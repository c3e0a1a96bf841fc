import { closeSync, openSync, writeSync } from "node:fs";
import { describeFileProblem } from "./file-problem.ts";

/**
 * A log file that every process of the server appends to. A line is one write, and the kernel puts each write
 * behind the last one, so lines of several processes never mix.
 */
export class LogFile {
  readonly path: string;
  private fd: number;
  /** Lines that could not be written since the last one that could. */
  private lost = 0;

  /**
   * Opens the file, or makes it; its folder must be there.
   * @param path absolute.
   * @throws Error that names the file and why it cannot be opened.
   */
  constructor(path: string) {
    this.path = path;
    this.fd = open(path);
  }

  /**
   * Appends a line, which ends with its newline. A full disk must not end a server: lines that cannot be
   * written are counted, standard error says so once, and the file says how many once it can be written again.
   */
  write(line: string): void {
    try {
      if (this.lost > 0) {
        append(this.fd, missing(this.lost));
        this.lost = 0;
      }
      append(this.fd, line);
    } catch (error) {
      if (this.lost++ > 0) return;
      process.stderr.write(
        `tsunicorn: cannot write to the log file ${this.path}: ${describeFileProblem(error)}\n`,
      );
    }
  }

  /**
   * Opens the file of that name again, after the old one was moved away. What is written before goes to the old
   * file, what is written after to the new one, and nothing is lost.
   * @throws Error when it cannot be opened; the old one stays in use then.
   */
  reopen(): void {
    const fd = open(this.path);
    closeSync(this.fd);
    this.fd = fd;
  }
}

function open(path: string): number {
  try {
    return openSync(path, "a");
  } catch (error) {
    throw new Error(`Cannot open the log file ${path}: ${describeFileProblem(error)}.`);
  }
}

// On a line of its own: of the line before it, a part may be there.
function missing(lines: number): string {
  const msg = `${lines} ${lines === 1 ? "line" : "lines"} of the log could not be written`;
  return `\n${JSON.stringify({ level: "warn", time: new Date().toISOString(), pid: process.pid, msg })}\n`;
}

// The kernel may take a part of a line, when the disk is nearly full or a signal comes.
function append(fd: number, line: string): void {
  const bytes = Buffer.from(line);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
