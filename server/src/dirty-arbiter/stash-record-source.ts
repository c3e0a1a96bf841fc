import { fstatSync, readSync } from "node:fs";
import { type LogRecord, MAX_RECORD, RECORD_HEAD, readRecord } from "./stash-record.ts";

const READ_SIZE = 1024 * 1024;

/** Reads the records of a file from its beginning, with one buffer. */
export class RecordSource {
  private readonly fd: number;
  private buffer = Buffer.allocUnsafeSlow(READ_SIZE);
  private start = 0;
  private end = 0;
  private position = 0;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** The next record; undefined when there is no whole one. */
  record(): { content: LogRecord; bytes: number } | undefined {
    const head = this.read(RECORD_HEAD);
    if (head === undefined) return undefined;
    const copy = Buffer.from(head);
    const length = copy.readUInt32BE(0);
    if (length > MAX_RECORD) return undefined;
    const payload = this.read(length);
    const content = payload && readRecord(copy, payload);
    return content && { content, bytes: RECORD_HEAD + length };
  }

  /** The next bytes, good until the next call; undefined when fewer are left. */
  read(bytes: number): Buffer | undefined {
    if (this.end - this.start < bytes) this.fill(bytes);
    if (this.end - this.start < bytes) return undefined;
    this.start += bytes;
    return this.buffer.subarray(this.start - bytes, this.start);
  }

  private fill(bytes: number): void {
    const rest = this.buffer.subarray(this.start, this.end);
    if (bytes > this.buffer.length) {
      // Not past the file's end, whatever a torn record announces.
      const left = fstatSync(this.fd).size - this.position + rest.length;
      if (left < bytes) return;
      this.buffer = Buffer.allocUnsafeSlow(bytes);
    }
    rest.copy(this.buffer);
    this.start = 0;
    this.end = rest.length;
    while (this.end < bytes) {
      const count = readSync(this.fd, this.buffer, this.end, this.buffer.length - this.end, this.position);
      if (count === 0) return;
      this.end += count;
      this.position += count;
    }
  }
}
