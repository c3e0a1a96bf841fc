import { closeSync, constants, openSync, readlinkSync } from "node:fs";
import path from "node:path";
import { describeFileProblem } from "./file-problem.ts";
import { type LineTarget, LineWriter } from "./line-writer.ts";
import { complain, standardTarget } from "./standard-streams.ts";

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
/** For those who run the server, and their group: no other user may read what clients send. */
const MODE = 0o640;
/** Folders that only the system writes in. */
const SYSTEM_FOLDER = /^\/(dev|proc)\//;
/** The process's own streams, by the names that links to them have. */
const OWN_STREAM = /^(?:\/dev\/std(out|err)|(?:\/dev|\/proc\/self)\/fd\/([12]))$/;
const MOST_LINKS = 8;

/**
 * A log file that every process of the server appends to. A line is one write, and the kernel puts each write
 * behind the last one, so lines of several processes never mix.
 */
export class LogFile {
  readonly path: string;
  readonly #writer: LineWriter;

  /**
   * Opens the file, or makes it, readable to its owner and group; its folder must be there.
   * @param path absolute. A symbolic link is refused, since it may lead to any file that this user may write; a link
   *   to `/dev/stdout` and its like is not.
   * @param dropped the line that says how many lines were dropped.
   * @throws Error that names the file and why it cannot be opened.
   */
  constructor(path: string, dropped: (lines: number) => string) {
    this.path = path;
    this.#writer = new LineWriter(open(path), {
      dropped,
      failed: (error) => complain(`cannot write to the log file ${path}: ${describeFileProblem(error)}`),
    });
  }

  /**
   * Appends a line, which ends with its newline. A full disk must not end a server: lines that cannot be
   * written are counted, standard error says so once, and the file says how many once it can be written again.
   */
  write(line: string): void {
    this.#writer.write(line);
  }

  /**
   * Opens the file of that name again, after the old one was moved away. What is written before goes to the old
   * file, what is written after to the new one, and nothing is lost.
   * @throws Error when it cannot be opened; the old one stays in use then.
   */
  reopen(): void {
    const { fd } = this.#writer.switchTo(open(this.path));
    if (fd > 2) closeSync(fd);
  }
}

function open(file: string): LineTarget {
  const stream = ownStream(file);
  if (stream !== undefined) return standardTarget(stream);
  // A pipe that nothing reads is refused instead of waited for.
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;
  try {
    return { fd: openSync(file, SYSTEM_FOLDER.test(file) ? flags : flags | O_NOFOLLOW, MODE) };
  } catch (error) {
    throw new Error(`Cannot open the log file ${file}: ${describeFileProblem(error)}.`);
  }
}

/** Which standard stream a file is by its name, or by where its links lead: images link their log files so. */
function ownStream(file: string): 1 | 2 | undefined {
  let at = file;
  for (let links = 0; links < MOST_LINKS; links++) {
    const [, name, number] = OWN_STREAM.exec(at) ?? [];
    if (name === "out" || number === "1") return 1;
    if (name === "err" || number === "2") return 2;
    try {
      at = path.resolve(path.dirname(at), readlinkSync(at));
    } catch {
      return undefined;
    }
  }
  return undefined;
}
