import { openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Two numbers of 32 bits: what the worker holds and one more, or 0 when it takes none; how many it has taken. */
const ENTRY_BYTES = 8;
const MOST_WORKERS = 4096;

/** What an HTTP worker has said of its connections. */
export interface ConnectionCount {
  /** Connections that are open. */
  readonly held: number;
  /** Connections that it has taken so far; it is only compared, and wraps. */
  readonly taken: number;
}

/**
 * The number of connections of every HTTP worker, in a file without a name that all of them have open. It is memory
 * that processes share, which Node has no other way to: one small write or read, and no message, for each connection.
 */
export class ConnectionTable {
  /** In this process. */
  readonly fd: number;
  private readonly entry = Buffer.alloc(ENTRY_BYTES);
  private readonly all = Buffer.alloc(ENTRY_BYTES * MOST_WORKERS);

  /** @param fd of the file, as it was inherited. */
  constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * Makes a table that is empty.
   * @param folder where its file is made if there is no folder of the system's in memory.
   * @returns undefined where no file can be made: workers then do without it.
   */
  static create(folder: string): ConnectionTable | undefined {
    for (const place of ["/dev/shm", folder, tmpdir()]) {
      const path = join(place, `tsunicorn-connections-${process.pid}-${Date.now()}`);
      try {
        const fd = openSync(path, "wx+", 0o600);
        unlinkSync(path);
        const table = new ConnectionTable(fd);
        // Takes the room for 512 workers: a disk that is full is found now, and not with a connection.
        table.write(0, undefined);
        return table;
      } catch {
        // The next place may be writable.
      }
    }
    return undefined;
  }

  /** Says what the worker with this slot has; undefined: it takes none. */
  write(slot: number, count: ConnectionCount | undefined): void {
    this.entry.writeUInt32LE(count === undefined ? 0 : count.held + 1, 0);
    this.entry.writeUInt32LE(count === undefined ? 0 : count.taken >>> 0, 4);
    writeSync(this.fd, this.entry, 0, ENTRY_BYTES, slot * ENTRY_BYTES);
  }

  /** What the workers that take connections have said, but for the one with this slot. */
  others(slot: number): ConnectionCount[] {
    const bytes = readSync(this.fd, this.all, 0, this.all.length, 0);
    const counts: ConnectionCount[] = [];
    for (let at = 0; at + ENTRY_BYTES <= bytes; at += ENTRY_BYTES) {
      const state = this.all.readUInt32LE(at);
      if (state === 0 || at === slot * ENTRY_BYTES) continue;
      counts.push({ held: state - 1, taken: this.all.readUInt32LE(at + 4) });
    }
    return counts;
  }
}
