import { TLV } from "./tlv.ts";

/** A dict with the one key "data", up to its value: how every CHUNK begins. */
// biome-ignore format: one field a line says more than one byte a line
export const CHUNK_PREFIX: Buffer = Buffer.from([
  TLV.DICT, 0, 0, 0, 1,
  TLV.STRING, 0, 0, 0, 4,
  0x64, 0x61, 0x74, 0x61,
]);

const WORDS = [
  CHUNK_PREFIX.readUInt32BE(0),
  CHUNK_PREFIX.readUInt32BE(4),
  CHUNK_PREFIX.readUInt32BE(8),
] as const;
const REST = CHUNK_PREFIX.readUInt16BE(12);

/** Whether a payload begins with {@link CHUNK_PREFIX}. In words, because a call into the runtime costs more. */
export function startsAsChunk(buffer: Buffer, start: number, end: number): boolean {
  return (
    end - start > CHUNK_PREFIX.length &&
    buffer.readUInt32BE(start) === WORDS[0] &&
    buffer.readUInt32BE(start + 4) === WORDS[1] &&
    buffer.readUInt32BE(start + 8) === WORDS[2] &&
    buffer.readUInt16BE(start + 12) === REST
  );
}
