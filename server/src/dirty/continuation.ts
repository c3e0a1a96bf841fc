import { monotonicMs } from "../process/clock.ts";

/** Bytes of chunks that a call keeps for another worker to go on from. */
export const MAX_EMITTED: number = 4 * 1024 * 1024;

/** What a chunk takes besides a string's text, about. */
const CHUNK_HEAD = 35;
/** What a chunk that is no string is taken for, where its size on the wire is not known. */
const USUAL_VALUE = 64;

/**
 * What it takes to have a run continued by another worker when its own dies: the chunks that were delivered, and how
 * much of its time is left. Only calls whose action can continue have one. Past {@link MAX_EMITTED} nothing is kept,
 * and the run can no longer be continued.
 */
export class Continuation {
  private chunks: unknown[];
  private bytes = 0;
  private migrations = 0;
  private runEnds = 0;
  /** When the time of the run that is continued is over, ms of the machine's clock; undefined: it never was. */
  deadline: number | undefined;
  /** Since when it waits for another worker. */
  since: number | undefined;
  /** There were too many chunks to keep. */
  overflowed = false;

  /** @param prefix chunks that earlier readers had. */
  constructor(prefix: unknown[] = []) {
    this.chunks = prefix;
    for (const value of prefix) {
      this.bytes += CHUNK_HEAD + (typeof value === "string" ? value.length : USUAL_VALUE);
    }
  }

  /** How many chunks were delivered; only good while they are kept. */
  get length(): number {
    return this.chunks.length;
  }

  /** What the next worker is told: the chunks, undefined for none. */
  get emitted(): unknown[] | undefined {
    return this.chunks.length === 0 ? undefined : this.chunks;
  }

  /** Keeps a chunk that took so many bytes on the wire. */
  add(value: unknown, bytes: number): void {
    if (this.overflowed) return;
    this.bytes += bytes;
    if (this.bytes > MAX_EMITTED) {
      this.overflowed = true;
      this.chunks = [];
      return;
    }
    // The reader gets the same value, and may change it.
    this.chunks.push(typeof value === "object" && value !== null ? structuredClone(value) : value);
  }

  /** A run has begun, and has so many ms. */
  began(ms: number): void {
    this.runEnds = monotonicMs() + ms;
  }

  /** Its worker died: it goes on elsewhere in what is left of its time. @returns false when that was too often. */
  next(limit: number): boolean {
    if (++this.migrations > limit) return false;
    if (this.runEnds > 0) this.deadline ??= this.runEnds;
    this.since = monotonicMs();
    return true;
  }
}
