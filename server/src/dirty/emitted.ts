/** Bytes of chunks that a call keeps for another worker to go on from. */
export const MAX_EMITTED: number = 4 * 1024 * 1024;

/** What a chunk takes besides a string's text, about. */
const CHUNK_HEAD = 35;
/** What a chunk that is no string is taken for, where its size on the wire is not known. */
const USUAL_VALUE = 64;

/**
 * The chunks that a run has delivered, kept while its action can be continued: another worker goes on behind them
 * when this one dies. Past {@link MAX_EMITTED} nothing is kept, and the run can no longer be continued.
 */
export class Emitted {
  private readonly chunks: unknown[];
  private bytes = 0;

  /** @param prefix chunks that earlier readers had. */
  constructor(prefix: unknown[] = []) {
    this.chunks = prefix;
    for (const value of prefix) {
      this.bytes += CHUNK_HEAD + (typeof value === "string" ? value.length : USUAL_VALUE);
    }
  }

  /** How many chunks there are. */
  get length(): number {
    return this.chunks.length;
  }

  /** The chunks, for RUN; undefined for none. */
  get values(): unknown[] | undefined {
    return this.chunks.length === 0 ? undefined : this.chunks;
  }

  /**
   * Keeps a chunk.
   * @param bytes what it took on the wire.
   * @returns false when there are too many to keep.
   */
  add(value: unknown, bytes: number): boolean {
    this.bytes += bytes;
    // The reader gets the same value, and may change it.
    this.chunks.push(typeof value === "object" && value !== null ? structuredClone(value) : value);
    return this.bytes <= MAX_EMITTED;
  }
}
