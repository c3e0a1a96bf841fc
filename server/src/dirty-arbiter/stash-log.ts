import {
  close,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { getLogger } from "../process/logger.ts";
import { StashError } from "../protocol/errors.ts";
import { type LogRecord, RecordWriter } from "./stash-record.ts";
import { RecordSource } from "./stash-record-source.ts";

/** What a log begins with: a successor may be of another version than the one that wrote it. */
const MAGIC = Buffer.from("tsstash1");
// What one turn of the event loop writes of a compaction: requests wait for a few ms at most.
const SLICE_BYTES = 512 * 1024;
const SLICE_RECORDS = 2000;

/**
 * The log of the stash: a file to which records are only added, each written before its operation is answered. It is
 * not synced to the disk, so it outlives this process, not the machine.
 */
export class StashLog {
  private readonly path: string;
  private readonly writer = new RecordWriter();
  private fd: number;
  /** Whether bytes of a record that failed may lie behind the last one. */
  private torn = false;
  private compaction: Compaction | undefined;
  /** Bytes of the file. */
  length = 0;
  /** Bytes that it had after it was last compacted. */
  compactedLength = 0;

  private constructor(path: string) {
    this.path = path;
    rmSync(`${path}.new`, { force: true });
    // Not for adding: a record that follows a torn one has to be written over it.
    this.fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  /**
   * Opens the log and hands over what it says so far. A record that was not written whole, which can only be the last
   * one, ends it.
   * @throws Error when the file cannot be read or written.
   */
  static open(path: string, replay: (record: LogRecord) => void): StashLog {
    const log = new StashLog(path);
    log.replay(replay);
    return log;
  }

  /** Whether it is being compacted. */
  get compacting(): boolean {
    return this.compaction !== undefined;
  }

  /**
   * Adds a record.
   * @throws StashError when it cannot be written; the log is as it was then.
   */
  append(record: LogRecord): void {
    const bytes = this.writer.write(record);
    try {
      if (this.torn) ftruncateSync(this.fd, this.length);
      this.torn = true;
      writeAll(this.fd, bytes, this.length);
      this.torn = false;
    } catch (error) {
      throw new StashError("The stash cannot write its log, so nothing was changed.", {
        details: { reason: error instanceof Error ? error.message : String(error) },
        cause: error,
      });
    }
    this.length += bytes.length;
    this.compaction?.append(bytes);
  }

  /**
   * Writes the log anew, a slice a turn of the event loop; what is appended meanwhile goes into both.
   * @param records what makes the state; read as it is written.
   */
  compact(records: Iterator<LogRecord>): void {
    if (this.compaction !== undefined) return;
    const before = this.length;
    const compaction = new Compaction(this.path, records, (result) => {
      this.compaction = undefined;
      if (result instanceof Error) {
        // Not tried again at once: it would fail again, and cost as much.
        this.compactedLength = before;
        getLogger().error({ err: result }, "the stash's log could not be compacted");
        return;
      }
      // Apart, because the last one to close a file waits until its memory is freed.
      close(this.fd, () => {});
      this.fd = result.fd;
      this.length = result.length;
      this.compactedLength = result.length;
      this.torn = false;
      getLogger().debug(`the stash's log went from ${before} to ${result.length} bytes`);
    });
    this.compaction = compaction;
    compaction.start();
  }

  /** Closes the file, which stays. */
  close(): void {
    this.compaction?.stop();
    this.compaction = undefined;
    closeSync(this.fd);
  }

  private replay(take: (record: LogRecord) => void): void {
    const { size } = fstatSync(this.fd);
    const source = new RecordSource(this.fd);
    const magic = source.read(MAGIC.length);
    if (magic !== undefined && !magic.equals(MAGIC)) {
      getLogger().error("the stash's log is of another version; the stash begins empty");
    } else if (magic !== undefined) {
      this.length = MAGIC.length;
      for (let record = source.record(); record !== undefined; record = source.record()) {
        take(record.content);
        this.length += record.bytes;
      }
      if (this.length < size) {
        getLogger().warn(`the stash's log ends with ${size - this.length} bytes that are not a whole record`);
      }
    }
    ftruncateSync(this.fd, this.length);
    if (this.length === 0) {
      writeAll(this.fd, MAGIC, 0);
      this.length = MAGIC.length;
    }
  }
}

/** The file that takes the log's place. */
class Compaction {
  private readonly path: string;
  private readonly from: Iterator<LogRecord>;
  private readonly done: (result: { fd: number; length: number } | Error) => void;
  private readonly writer = new RecordWriter();
  private fd: number | undefined;
  private length = 0;
  private stopped = false;

  constructor(path: string, records: Iterator<LogRecord>, done: Compaction["done"]) {
    this.path = path;
    this.from = records;
    this.done = done;
  }

  start(): void {
    try {
      this.fd = openSync(`${this.path}.new`, "w", 0o600);
      this.write(MAGIC);
    } catch (error) {
      this.fail(error);
      return;
    }
    setImmediate(() => this.slice());
  }

  append(bytes: Buffer): void {
    if (this.stopped) return;
    try {
      this.write(bytes);
    } catch (error) {
      this.fail(error);
    }
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    if (this.fd !== undefined) closeSync(this.fd);
    rmSync(`${this.path}.new`, { force: true });
  }

  private slice(): void {
    if (this.stopped) return;
    try {
      const until = this.length + SLICE_BYTES;
      for (let count = 0; count < SLICE_RECORDS && this.length < until; count++) {
        const next = this.from.next();
        if (next.done === true) {
          renameSync(`${this.path}.new`, this.path);
          this.stopped = true;
          if (this.fd !== undefined) this.done({ fd: this.fd, length: this.length });
          return;
        }
        this.write(this.writer.write(next.value));
      }
      setImmediate(() => this.slice());
    } catch (error) {
      this.fail(error);
    }
  }

  private write(bytes: Buffer): void {
    if (this.fd === undefined) return;
    writeAll(this.fd, bytes, this.length);
    this.length += bytes.length;
  }

  private fail(error: unknown): void {
    this.stop();
    this.done(error instanceof Error ? error : new Error(String(error)));
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(fd, bytes, written, bytes.length - written, position + written);
  }
}
