import { fstatSync, writeSync } from "node:fs";
import { shortenLine } from "./shorten-line.ts";

/** Bytes of lines that wait for room at most. What comes on top of that is dropped. */
const MOST_WAITING = 1024 * 1024;
/** ms between two looks whether there is room: short at first, for a reader that is only slow. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 100;
/** ms that a process which ends spends at most on lines that wait. */
const LAST_MS = 500;
/**
 * Bytes that the kernel writes as a whole or not at all: into a pipe (PIPE_BUF of pipe(7)), into a unix socket. More than
 * 36,544 bytes Linux 6.18 cuts where a socket is nearly full.
 */
const WHOLE_IN_PIPE = 4096;
const WHOLE_IN_SOCKET = 32_768;

/** Where lines go. */
export interface LineTarget {
  readonly fd: number;
  /** Has the next write not block. Not needed where a file descriptor is this process's own, or a regular file's. */
  unblock?(): void;
}

/** What a writer tells of itself. */
export interface LineWriterEvents {
  /** The line that says how many were dropped, with its newline. It goes where they should have gone. */
  dropped(lines: number): string;
  /** A line could not be written, and no room will come by itself: a full disk, a reader that is gone. Told once. */
  failed?(error: unknown): void;
}

interface Entry {
  readonly bytes: Buffer;
  /** Lines that are lost with it: 1, or as many as it tells of. */
  readonly lines: number;
}

/**
 * Writes lines into a file descriptor and never waits for it. What a pipe or a terminal has no room for waits
 * here, up to a bound; what is beyond that, and what a full disk refuses, is dropped and counted, and the count is
 * written once there is room. A line that has been begun is always ended before the next one.
 *
 * Each process of the server has writers of its own to the same pipe or socket. A line that is not written at once could
 * have lines of the others in its middle, so one that is longer than the kernel takes as a whole is shortened. A file takes
 * any.
 */
export class LineWriter {
  #target: LineTarget;
  readonly #events: LineWriterEvents;
  /** Bytes that a line may have. */
  #longest: number;
  #waiting: Entry[] = [];
  #bytes = 0;
  /** Bytes of the first entry that were written already. */
  #begun = 0;
  #dropped = 0;
  #failing = false;
  #pause = FIRST_PAUSE_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(target: LineTarget, events: LineWriterEvents) {
    this.#target = target;
    this.#longest = longestLine(target.fd);
    this.#events = events;
    if (writers.size === 0) process.on("exit", endAll);
    writers.add(this);
  }

  /** Bytes that wait for room. */
  get waiting(): number {
    return this.#bytes - this.#begun;
  }

  /** Writes a line, which ends with its newline. */
  write(line: string): void {
    const full = this.#timer !== undefined;
    const bytes = Buffer.from(line);
    const entry = bytes.length > this.#longest ? Buffer.from(shortenLine(line, this.#longest)) : bytes;
    if (full && this.#bytes + entry.length > MOST_WAITING) {
      this.#dropped++;
      return;
    }
    this.#tellDropped();
    this.#push(entry, 1);
    if (!full) this.#drain();
  }

  /** Writes to another target from now on, also what waits. @returns the one until now. */
  switchTo(target: LineTarget): LineTarget {
    const before = this.#target;
    this.#target = target;
    this.#longest = longestLine(target.fd);
    // A line that was begun there is written here as a whole.
    this.#begun = 0;
    this.#drain();
    return before;
  }

  /** Spends a bounded time on what waits; for a process that ends. */
  end(): void {
    const until = performance.now() + LAST_MS;
    this.#tellDropped();
    while (!this.#drain() && !this.#failing && performance.now() < until) sleep(FIRST_PAUSE_MS);
    this.#rest();
  }

  #push(bytes: Buffer, lines: number): void {
    this.#waiting.push({ bytes, lines });
    this.#bytes += bytes.length;
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const lines = this.#dropped;
    this.#dropped = 0;
    this.#push(Buffer.from(this.#events.dropped(lines)), lines);
  }

  /** Writes what there is room for. @returns whether nothing waits any more. */
  #drain(): boolean {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      try {
        // The kernel may take a part of a line: the pipe was nearly full, or the disk, or a signal came.
        this.#target.unblock?.();
        this.#begun += writeSync(this.#target.fd, first.bytes, this.#begun);
      } catch (error) {
        const code = codeOf(error);
        if (code === "EINTR") continue;
        if (code === "EAGAIN") this.#wait();
        else this.#fail(error);
        return false;
      }
      this.#pause = FIRST_PAUSE_MS;
      if (this.#begun < first.bytes.length) continue;
      this.#waiting.shift();
      this.#bytes -= first.bytes.length;
      this.#begun = 0;
      if (this.#waiting.length === 0) this.#tellDropped();
    }
    this.#failing = false;
    this.#rest();
    return true;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#drain(), this.#pause);
    // Lines that are left do not keep a process alive.
    this.#timer.unref();
    this.#pause = Math.min(LONGEST_PAUSE_MS, 2 * this.#pause);
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  // What was begun stays: its rest is written before anything else, or it would spoil the line behind it.
  #fail(error: unknown): void {
    this.#rest();
    const kept = this.#begun > 0 ? 1 : 0;
    for (const { lines, bytes } of this.#waiting.splice(kept)) {
      this.#dropped += lines;
      this.#bytes -= bytes.length;
    }
    if (this.#failing) return;
    this.#failing = true;
    this.#events.failed?.(error);
  }
}

const writers = new Set<LineWriter>();

function endAll(): void {
  for (const writer of writers) writer.end();
}

function longestLine(fd: number): number {
  // As bigint, which Node keeps apart: what `standardTarget` does so for holds here too.
  const stat = fstatSync(fd, { bigint: true });
  if (stat.isFIFO()) return WHOLE_IN_PIPE;
  return stat.isSocket() ? WHOLE_IN_SOCKET : Number.POSITIVE_INFINITY;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
