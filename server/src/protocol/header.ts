/**
 * The header in front of every frame: 16 bytes, big-endian.
 *
 * ```
 *  0      2      3      4          8                 16
 *  ├──────┼──────┼──────┼──────────┼─────────────────┤
 *  │ "GD" │ ver  │ type │  length  │   request id    │
 *  └──────┴──────┴──────┴──────────┴─────────────────┘
 *   u16    u8=1   u8     u32 ≤64MiB  u64
 * ```
 */
import { DirtyProtocolError } from "./errors.ts";

/** Bytes of a header. */
export const HEADER_SIZE = 16;
/** "GD" as a big-endian u16. */
export const MAGIC = 0x4744;
/** The only version that is spoken. */
export const VERSION = 1;
/** The most bytes that a payload may have: 64 MiB. */
export const MAX_PAYLOAD = 64 * 1024 * 1024;

/**
 * A request id is 64 bits. Ours are small and stay numbers; a foreign client's hash above 2^53 becomes a
 * bigint, because a number would lose its last bits and the answer would find no request.
 */
export type RequestId = number | bigint;

const TWO_32 = 0x1_0000_0000;
const SAFE_HIGH = 0x20_0000;

/** Writes a header at `at`. The caller made sure that 16 bytes are free there. */
export function writeHeader(buffer: Buffer, at: number, type: number, length: number, id: RequestId): void {
  buffer[at] = 0x47;
  buffer[at + 1] = 0x44;
  buffer[at + 2] = VERSION;
  buffer[at + 3] = type;
  writeU32(buffer, at + 4, length);
  if (typeof id === "number") {
    writeU32(buffer, at + 8, Math.floor(id / TWO_32));
    writeU32(buffer, at + 12, id >>> 0);
  } else {
    buffer.writeBigUInt64BE(id, at + 8);
  }
}

/** Writes an unsigned 32-bit number, big-endian. */
export function writeU32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

/** Reads an unsigned 32-bit number, big-endian. Half of what decoding takes would go into Node's own, which checks its offset. */
export function readU32(buffer: Buffer, at: number): number {
  const high = ((buffer[at] ?? 0) << 24) | ((buffer[at + 1] ?? 0) << 16);
  return (high | ((buffer[at + 2] ?? 0) << 8) | (buffer[at + 3] ?? 0)) >>> 0;
}

/** Reads the request id of the header at `at`. */
export function readRequestId(buffer: Buffer, at: number): RequestId {
  const high = buffer.readUInt32BE(at + 8);
  return high < SAFE_HIGH ? high * TWO_32 + buffer.readUInt32BE(at + 12) : buffer.readBigUInt64BE(at + 8);
}

/**
 * Checks the fixed part of the header at `at` and returns the payload's length in bytes. It is called
 * before a byte of the payload is kept, so that a peer cannot make this side reserve memory by lying.
 * @throws DirtyProtocolError on wrong magic, wrong version or a length over 64 MiB.
 */
export function checkHeader(buffer: Buffer, at: number): number {
  const magic = buffer.readUInt16BE(at);
  if (magic !== MAGIC) {
    throw new DirtyProtocolError(
      `The peer does not speak the dirty protocol: magic 0x${magic.toString(16)}.`,
    );
  }
  const version = buffer[at + 2];
  if (version !== VERSION) {
    throw new DirtyProtocolError(`The peer speaks version ${version} of the dirty protocol, not ${VERSION}.`);
  }
  const length = buffer.readUInt32BE(at + 4);
  if (length > MAX_PAYLOAD) {
    throw new DirtyProtocolError(`A frame announces ${length} bytes; at most ${MAX_PAYLOAD} are allowed.`);
  }
  return length;
}
