import { monotonicMs } from "../process/clock.ts";

/** Bytes of chunks that a call keeps for another worker to go on from. */
export const MAX_EMITTED: number = 4 * 1024 * 1024;

/** Bytes of chunks that all calls of a process keep together. */
export const MAX_EMITTED_IN_ALL: number = 64 * 1024 * 1024;

/** What a chunk takes besides a string's text, about. */
const CHUNK_HEAD = 35;
/** What a chunk that is not a string is taken for, where its size on the wire is not known. */
const USUAL_VALUE = 64;

/**
 * What the calls of a process keep to have their runs continued, together. Where it is too much, the call that keeps the
 * most gives up what it has: many slow readers of long answers cost themselves the continuation, and not the others.
 */
export class EmittedBudget {
  private readonly most: number;
  private readonly keepers = new Set<Continuation>();
  private bytes = 0;

  /** @param most bytes that they keep together. */
  constructor(most: number = MAX_EMITTED_IN_ALL) {
    this.most = most;
  }

  /** Bytes that are kept now. */
  get kept(): number {
    return this.bytes;
  }

  /** A call keeps this many bytes more. Afterwards it may have had to give them all up. */
  take(keeper: Continuation, bytes: number): void {
    this.keepers.add(keeper);
    this.bytes += bytes;
    while (this.bytes > this.most) {
      const largest = this.largest();
      if (largest === undefined) return;
      largest.giveUp();
    }
  }

  /** A call keeps nothing more. */
  give(keeper: Continuation, bytes: number): void {
    if (this.keepers.delete(keeper)) this.bytes -= bytes;
  }

  private largest(): Continuation | undefined {
    let largest: Continuation | undefined;
    for (const keeper of this.keepers) {
      if (largest === undefined || keeper.kept > largest.kept) largest = keeper;
    }
    return largest;
  }
}

/**
 * What it takes to have a run continued by another worker when its own dies: the chunks that were delivered, and how
 * much of its time is left. Only calls whose action can continue have one. Past {@link MAX_EMITTED}, or where all calls
 * keep more than {@link MAX_EMITTED_IN_ALL} and this one the most of it, nothing is kept, and the run can no longer be
 * continued.
 *
 * The maker of one calls {@link giveUp} when its call is over.
 */
export class Continuation {
  private readonly budget: EmittedBudget;
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
  constructor(budget: EmittedBudget, prefix: unknown[] = []) {
    this.budget = budget;
    this.chunks = prefix;
    let bytes = 0;
    for (const value of prefix) {
      bytes += CHUNK_HEAD + (typeof value === "string" ? value.length : USUAL_VALUE);
    }
    this.count(bytes);
  }

  /** Bytes of the chunks that it keeps. */
  get kept(): number {
    return this.bytes;
  }

  /** How many chunks were delivered; only good while they are kept. */
  get length(): number {
    return this.chunks.length;
  }

  /** What the next worker is told: the chunks, undefined for none. */
  get emitted(): unknown[] | undefined {
    return this.chunks.length === 0 ? undefined : this.chunks;
  }

  /** Keeps a chunk that took this many bytes on the wire. */
  add(value: unknown, bytes: number): void {
    if (this.overflowed) return;
    this.count(bytes);
    if (this.overflowed) return;
    // The reader gets the same value, and may change it.
    this.chunks.push(typeof value === "object" && value !== null ? structuredClone(value) : value);
  }

  /** Lets go of all chunks, for good. */
  giveUp(): void {
    this.overflowed = true;
    this.budget.give(this, this.bytes);
    this.chunks = [];
    this.bytes = 0;
  }

  private count(bytes: number): void {
    this.bytes += bytes;
    if (bytes > 0) this.budget.take(this, bytes);
    if (this.bytes > MAX_EMITTED) this.giveUp();
  }

  /** A run has begun, and has this many ms. */
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
