import { DirtyProtocolError } from "./errors.ts";
import { checkHeader, HEADER_SIZE, type RequestId, readRequestId } from "./header.ts";

/** What a reader calls for each whole frame. The bytes are only good during the call. */
export type FrameHandler = (type: number, id: RequestId, buffer: Buffer, start: number, end: number) => void;

/**
 * What a reader asks before it keeps anything of a frame, perhaps several times for one. What it throws ends the reading.
 */
export type FrameCheck = (type: number, length: number) => void;

/**
 * Cuts a stream of bytes into frames. It keeps at most one incomplete frame, and memory for it grows with
 * the bytes that came, never with the length that was announced.
 */
export class FrameReader {
  private readonly handle: FrameHandler;
  private readonly check: FrameCheck | undefined;
  private partial: Buffer | undefined;
  private filled = 0;

  /** @param check refuses frames by their type and the length of their payload. Default: all are taken. */
  constructor(handle: FrameHandler, check?: FrameCheck) {
    this.handle = handle;
    this.check = check;
  }

  /**
   * Takes the next bytes and calls the handler for each frame that is now whole.
   * @throws DirtyProtocolError on a bad header. The stream cannot be read on then.
   */
  push(chunk: Buffer): void {
    let start = 0;
    while (this.partial !== undefined) {
      const wanted = this.filled < HEADER_SIZE ? HEADER_SIZE : HEADER_SIZE + this.announced(this.partial, 0);
      if (this.filled === wanted && this.filled >= HEADER_SIZE) {
        const frame = this.partial;
        this.partial = undefined;
        this.filled = 0;
        this.emit(frame, 0, wanted);
        break;
      }
      if (start === chunk.length) return;
      const count = Math.min(wanted - this.filled, chunk.length - start);
      this.keep(chunk, start, count);
      start += count;
    }
    while (chunk.length - start >= HEADER_SIZE) {
      const end = start + HEADER_SIZE + this.announced(chunk, start);
      if (end > chunk.length) break;
      this.emit(chunk, start, end);
      start = end;
    }
    if (start < chunk.length) this.keep(chunk, start, chunk.length - start);
  }

  /**
   * Says that no more bytes will come.
   * @throws DirtyProtocolError when a frame was begun and not finished.
   */
  end(): void {
    if (this.partial !== undefined) {
      throw new DirtyProtocolError(`The peer closed inside a frame, ${this.filled} bytes into it.`);
    }
  }

  /** The length of the payload whose header stands at `at`. */
  private announced(buffer: Buffer, at: number): number {
    const length = checkHeader(buffer, at);
    this.check?.(buffer[at + 3] ?? 0, length);
    return length;
  }

  private emit(buffer: Buffer, start: number, end: number): void {
    this.handle(buffer[start + 3] ?? 0, readRequestId(buffer, start), buffer, start + HEADER_SIZE, end);
  }

  private keep(chunk: Buffer, start: number, count: number): void {
    let partial = this.partial;
    if (partial === undefined || partial.length < this.filled + count) {
      const next = Buffer.allocUnsafe(Math.max(256, (this.filled + count) * 2));
      if (partial !== undefined) partial.copy(next, 0, 0, this.filled);
      this.partial = partial = next;
    }
    chunk.copy(partial, this.filled, start, start + count);
    this.filled += count;
  }
}
