import { CHUNK_PREFIX } from "./chunk.ts";
import { DirtyProtocolError } from "./errors.ts";
import { HEADER_SIZE, MAX_PAYLOAD, type RequestId, writeHeader } from "./header.ts";
import { SLAB_SIZE, TlvWriter } from "./tlv-writer.ts";

// The messages whose sender's values all stand in one field, RESPONSE in `result` and PLACE in `run`: where one of them
// cannot cross, its path is told from there.
const WRAPPED: ReadonlySet<number> = new Set([0x02, 0x23]);

/**
 * Gathers the frames of one turn of the event loop, so that they leave in one write. It does no I/O:
 * `take()` hands over what was gathered.
 */
export class FrameWriter extends TlvWriter {
  private taken = 0;
  private full: Buffer[] = [];
  private bytes = 0;

  /** Bytes that wait to be taken. */
  get size(): number {
    return this.bytes;
  }

  protected override retire(): void {
    if (this.mark > this.taken) this.full.push(this.slab.subarray(this.taken, this.mark));
    this.taken = 0;
  }

  /**
   * Adds a frame whose payload is one value; without a value the payload is empty.
   * @returns the frame's size in bytes, header included.
   * @throws DirtyProtocolError when the value cannot cross; nothing of the frame is kept then.
   */
  frame(type: number, id: RequestId, value?: unknown): number {
    this.begin();
    try {
      if (value !== undefined) this.whole(value, 0, WRAPPED.has(type) ? 1 : 0);
      return this.finish(type, id);
    } catch (error) {
      this.position = this.mark;
      throw error;
    }
  }

  /** Adds a CHUNK frame: `frame` without building the dict, since this runs once a token. */
  chunk(type: number, id: RequestId, data: unknown): number {
    this.begin();
    try {
      this.reserve(CHUNK_PREFIX.length);
      const { slab } = this;
      let at = this.position;
      for (let index = 0; index < CHUNK_PREFIX.length; index++) slab[at++] = CHUNK_PREFIX[index] ?? 0;
      this.position = at;
      this.whole(data, 1, 0);
      return this.finish(type, id);
    } catch (error) {
      this.position = this.mark;
      throw error;
    }
  }

  /** Adds a frame whose payload was encoded before: the bytes of `payload` from `start` to `end`. */
  encoded(type: number, id: RequestId, payload: Buffer, start: number, end: number): number {
    this.begin();
    this.reserve(end - start);
    payload.copy(this.slab, this.position, start, end);
    this.position += end - start;
    return this.finish(type, id);
  }

  /** Hands over all that was gathered, in order. */
  take(): Buffer[] {
    const result = this.full;
    if (this.position > this.taken) result.push(this.slab.subarray(this.taken, this.position));
    this.full = [];
    this.bytes = 0;
    this.taken = this.position;
    // A slab that one large value needed is not kept for the small ones that follow.
    if (this.slab.length > SLAB_SIZE) {
      this.slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
      this.position = 0;
      this.taken = 0;
      this.mark = 0;
    }
    return result;
  }

  private begin(): void {
    this.mark = this.position;
    this.reserve(HEADER_SIZE);
    this.position += HEADER_SIZE;
  }

  private finish(type: number, id: RequestId): number {
    const length = this.position - this.mark - HEADER_SIZE;
    if (length > MAX_PAYLOAD) {
      throw new DirtyProtocolError(
        `A message of ${length} bytes is over the limit of ${MAX_PAYLOAD}; send it in parts.`,
      );
    }
    writeHeader(this.slab, this.mark, type, length, id);
    this.mark = this.position;
    this.bytes += length + HEADER_SIZE;
    return length + HEADER_SIZE;
  }
}
