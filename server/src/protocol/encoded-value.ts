// Up to this many bytes a value is kept as a string of one byte a character, whose own size is a few words. A buffer
// of its own costs hundreds of bytes, and a part of a shared one keeps all of that alive.
const SMALL = 1024;

/**
 * A value as its encoded bytes, for a process that passes values on or keeps them and never looks into them. Written as
 * a part of another value, its bytes are copied as they are.
 */
export class EncodedValue {
  /** Encoded bytes. */
  readonly size: number;
  private readonly kept: string | Buffer;

  private constructor(kept: string | Buffer) {
    this.size = kept.length;
    this.kept = kept;
  }

  /** Copies the one value between `start` and `end`. The caller made sure that it is well formed. */
  static of(buffer: Buffer, start = 0, end: number = buffer.length): EncodedValue {
    if (end - start <= SMALL) return new EncodedValue(buffer.toString("latin1", start, end));
    const own = Buffer.allocUnsafeSlow(end - start);
    buffer.copy(own, 0, start, end);
    return new EncodedValue(own);
  }

  /** Writes the bytes into a buffer that has room for them. @returns how many. */
  copyTo(target: Buffer, at: number): number {
    const { kept } = this;
    return typeof kept === "string" ? target.write(kept, at, "latin1") : kept.copy(target, at);
  }

  /** The bytes, for reading. */
  bytes(): Buffer {
    const { kept } = this;
    return typeof kept === "string" ? Buffer.from(kept, "latin1") : kept;
  }

  /** Whether both are the same bytes. Equal values may differ in theirs, as by the order of keys. */
  same(other: EncodedValue): boolean {
    const { kept } = this;
    return typeof kept === "string" || typeof other.kept === "string"
      ? kept === other.kept
      : kept.equals(other.kept);
  }
}
