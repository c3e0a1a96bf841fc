const FIRST_SEGMENT = 1024;
const LARGEST_SEGMENT = 64 * 1024;
// A chunk of more than this gets memory of its own, so that at most so much of each segment is never used.
const LARGE = LARGEST_SEGMENT / 4;

/** Some chunks of a stream, one behind the other in one piece of memory. */
interface Segment {
  readonly memory: Buffer;
  /** Number of its first chunk in the stream. */
  readonly first: number;
  /** Where each chunk ends. */
  readonly ends: number[];
}

/** The bytes of a chunk: `start` to `end` of `memory`. They stay as they are for as long as a reference to `memory` is held. */
export interface KeptChunk {
  memory: Buffer;
  start: number;
  end: number;
}

/**
 * The chunks of a resumable stream as they cross the wire, for readers that come later or are slow. Memory is taken
 * in pieces that grow with the stream, and given back from the oldest on.
 */
export class ReplayBuffer {
  private segments: Segment[] = [];
  private nextLength = FIRST_SEGMENT;
  /** Bytes of memory that it takes. */
  bytes = 0;
  /** Number of the oldest chunk that is kept; chunks are counted from 0. */
  first = 0;
  /** How many chunks the stream has had. */
  end = 0;

  /** Adds the next chunk: the bytes of `source` from `start` on. They are copied. */
  append(source: Buffer, start = 0): void {
    const size = source.length - start;
    let segment = this.segments.at(-1);
    let at = segment?.ends.at(-1) ?? 0;
    if (segment === undefined || at + size > segment.memory.length) {
      const length = size > LARGE ? size : Math.max(size, this.nextLength);
      this.nextLength = size > LARGE ? FIRST_SEGMENT : Math.min(LARGEST_SEGMENT, length * 2);
      segment = { memory: Buffer.allocUnsafeSlow(length), first: this.end, ends: [] };
      this.segments.push(segment);
      this.bytes += segment.memory.length;
      at = 0;
    }
    source.copy(segment.memory, at, start);
    segment.ends.push(at + size);
    this.end++;
  }

  /** A chunk by its number; undefined when it is not kept, or not there yet. */
  at(index: number): KeptChunk | undefined {
    if (index < this.first || index >= this.end) return undefined;
    const segment = this.segmentOf(index);
    const within = index - (segment?.first ?? 0);
    const end = segment?.ends[within];
    if (segment === undefined || end === undefined) return undefined;
    return { memory: segment.memory, start: within === 0 ? 0 : (segment.ends[within - 1] ?? 0), end };
  }

  /** Gives up the oldest chunks until it takes at most `bytes` bytes. */
  trim(bytes: number): void {
    let gone = 0;
    while (this.bytes > bytes && gone < this.segments.length) {
      this.bytes -= this.segments[gone++]?.memory.length ?? 0;
    }
    if (gone === 0) return;
    this.segments.splice(0, gone);
    this.first = this.segments[0]?.first ?? this.end;
  }

  // Nearly all reads are at the end, where the stream grows.
  private segmentOf(index: number): Segment | undefined {
    const last = this.segments.at(-1);
    if (last !== undefined && index >= last.first) return last;
    let low = 0;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.segments[middle]?.first ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return this.segments[low];
  }
}
