import { constants, fstatSync, openSync } from "node:fs";
import { describeFileProblem } from "./file-problem.ts";
import { hideCredentials } from "./hide-credentials.ts";
import { type LineTarget, LineWriter } from "./line-writer.ts";

const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
/** Bytes that `console.log` and its like may have waiting in this process. */
const MOST_WAITING = 1024 * 1024;

let output: LineWriter | undefined;
let errors: LineWriter | undefined;
/** The line that says how many lines of standard output were dropped: as the rest of the log looks now. */
let describeDropped: (lines: number) => string;

/**
 * The writer to standard output, which never blocks.
 * @param describe the line that says how many lines were dropped, with its newline.
 */
export function standardOutput(describe: (lines: number) => string): LineWriter {
  describeDropped = describe;
  output ??= new LineWriter(standardTarget(1), {
    dropped: (lines) => describeDropped(lines),
    failed: (error) => complain(`cannot write to standard output: ${describeFileProblem(error)}`),
  });
  return output;
}

/** Says something on standard error, and never blocks for it. */
export function complain(text: string): void {
  errors ??= new LineWriter(standardTarget(2), {
    dropped: (lines) => `tsunicorn: ${lines} lines could not be written here\n`,
  });
  errors.write(hideCredentials(`tsunicorn: ${text}\n`));
}

/**
 * Standard output or standard error, as something that does not block. The file descriptor that was inherited is
 * shared with other processes, down to whether it blocks: opened again, it is this process's own.
 */
export function standardTarget(fd: 1 | 2): LineTarget {
  // A file has no reader to wait for, and opened again it would be written from its beginning.
  // As bigint, which Node keeps apart. Else Node 20 takes what it looks at next for a pipe, where this is one: it does not
  // follow the link of a linked package then, and finds none of that package's own.
  if (fstatSync(fd, { bigint: true }).isFile()) return { fd };
  try {
    return { fd: openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY) };
  } catch {
    // A socket (journald's), another user's pipe, or no Linux. Then the shared one has to be it, each time: a process
    // that is started with it has it block again.
    const stream = fd === 1 ? process.stdout : process.stderr;
    return { fd, unblock: () => unblock(stream) };
  }
}

/**
 * Has `console.log`, and whatever else writes to Node's own standard streams, neither block nor fill the memory while
 * nothing takes what they write: beyond a bound it is dropped.
 * @param told is told how many writes were dropped, once there is room again.
 */
export function guardStandardStreams(told: (name: "stdout" | "stderr", writes: number) => void): void {
  for (const name of ["stdout", "stderr"] as const) {
    const { get, ...descriptor } = Object.getOwnPropertyDescriptor(process, name) ?? {};
    if (get === undefined || guarded.has(get)) continue;
    let stream: NodeJS.WriteStream | undefined;
    // Only once it is asked for: Node makes the inherited stream one that does not block.
    const guard = (): NodeJS.WriteStream => {
      stream ??= bounded(get.call(process), (writes) => told(name, writes));
      return stream;
    };
    guarded.add(guard);
    Object.defineProperty(process, name, { ...descriptor, get: guard });
  }
}

const guarded = new WeakSet<() => unknown>();

function bounded(stream: NodeJS.WriteStream, told: (writes: number) => void): NodeJS.WriteStream {
  let dropped = 0;
  const write = stream.write;
  stream.write = function (this: NodeJS.WriteStream, ...args: unknown[]): boolean {
    if (stream.writableLength > MOST_WAITING) {
      dropped++;
      const callback = args.at(-1);
      if (typeof callback === "function") process.nextTick(callback as () => void);
      return false;
    }
    // To a terminal Node waits for each write, and Ctrl-S stops one.
    unblock(stream);
    return Reflect.apply(write, this, args) as boolean;
  };
  stream.on("drain", () => {
    if (dropped === 0) return;
    const writes = dropped;
    dropped = 0;
    told(writes);
  });
  // A reader that is gone ends no worker.
  stream.on("error", () => {});
  return stream;
}

function unblock(stream: NodeJS.WriteStream): void {
  const { _handle: handle } = stream as unknown as { _handle?: { setBlocking?(on: boolean): void } };
  handle?.setBlocking?.(false);
}
