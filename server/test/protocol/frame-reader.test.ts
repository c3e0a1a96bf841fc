import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import { FrameReader } from "../../src/protocol/frame-reader.ts";
import type { RequestId } from "../../src/protocol/header.ts";
import { collector, hex, rawFrame, rawHeader, rawString, type Seen, sameFrames } from "./bytes.ts";

const frames: Seen[] = [
  { type: 0x04, id: 1, payload: rawString("Hi") },
  { type: 0x05, id: 2 ** 53 - 1, payload: Buffer.alloc(0) },
  { type: 0x01, id: 2n ** 53n, payload: Buffer.from([...Array(40).keys()]) },
  { type: 0x27, id: 0, payload: Buffer.alloc(0) },
  { type: 0xff, id: 2n ** 64n - 1n, payload: Buffer.of(7) },
];
const stream = bytesOf(frames);

describe("a stream of frames", () => {
  test("is read in one piece", () => {
    expect(readIn([stream])).toEqual(frames);
  });

  test("is read when it is split in two at every byte", () => {
    for (let at = 0; at <= stream.length; at++) {
      expect(readIn([stream.subarray(0, at), stream.subarray(at)]), `split after ${at}`).toEqual(frames);
    }
  });

  test("is read when it is split in three at every pair of bytes", () => {
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const parts = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)];
        expect(sameFrames(readIn(parts), frames), `split after ${first} and ${second}`).toBe(true);
      }
    }
  });

  test("is read a byte at a time", () => {
    expect(readIn([...stream].map((byte) => Buffer.of(byte)))).toEqual(frames);
  });

  test("is read when any frames are split anywhere", () => {
    const id = fc
      .bigInt({ min: 0n, max: 2n ** 64n - 1n })
      .map((value): RequestId => (value < 2n ** 53n ? Number(value) : value));
    const frame = fc.record({
      type: fc.nat(255),
      id,
      payload: fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.nat(300), { maxLength: 30 }),
        (sent, sizes) => {
          let rest = bytesOf(sent);
          const parts: Buffer[] = [];
          for (const size of sizes) {
            parts.push(rest.subarray(0, size));
            rest = rest.subarray(size);
          }
          expect(readIn([...parts, rest])).toEqual(sent);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("is handed on as soon as each frame is whole, not later", () => {
    const { reader, seen } = collector();
    let whole = 0;
    let ends = 0;
    const ending = frames.map(({ payload }) => {
      ends += 16 + payload.length;
      return ends;
    });
    stream.forEach((byte, index) => {
      reader.push(Buffer.of(byte));
      if (ending.includes(index + 1)) whole++;
      expect(seen).toHaveLength(whole);
    });
  });

  test.for([4095, 4096, 64 * 1024, 1024 * 1024, 5_000_000])("with a frame of %i bytes is read", (size) => {
    const payload = Buffer.alloc(size);
    for (let at = 0; at < size; at++) payload[at] = at * 31;
    const sent = [{ type: 1, id: 1, payload }, ...frames, { type: 2, id: 2, payload }];
    const bytes = bytesOf(sent);
    for (const step of [bytes.length, 65_536, 65_535, 1000]) {
      const parts: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += step) parts.push(bytes.subarray(at, at + step));
      expect(sameFrames(readIn(parts), sent)).toBe(true);
    }
  });

  test("does not keep the bytes it was given: they may be used again", () => {
    const { reader, seen } = collector();
    const given = Buffer.alloc(3);
    for (let at = 0; at < stream.length; at += given.length) {
      const count = stream.copy(given, 0, at, at + given.length);
      reader.push(given.subarray(0, count));
      given.fill(0xee);
    }
    expect(seen).toEqual(frames);
  });
});

describe("the end of a stream", () => {
  test("between two frames is the end, inside one an error", () => {
    const ends = new Set([0]);
    let sum = 0;
    for (const { payload } of frames) {
      sum += 16 + payload.length;
      ends.add(sum);
    }
    for (let at = 0; at <= stream.length; at++) {
      const { reader } = collector();
      // A frame that is not whole yet is not an error: the rest may be on its way.
      reader.push(stream.subarray(0, at));
      if (ends.has(at)) reader.end();
      else expect(() => reader.end(), `ended after ${at} bytes`).toThrow(DirtyProtocolError);
    }
  });

  test("of a stream that never began is not an error", () => {
    const { reader } = collector();
    reader.push(Buffer.alloc(0));
    reader.end();
  });
});

describe("a stream that breaks the rules", () => {
  const good = rawFrame(4, 1, rawString("ok"));

  test.for<[string, Buffer]>([
    ["another magic", rawHeader(4, 2, 0, { magic: "GE" })],
    ["version 0", rawHeader(4, 2, 0, { version: 0 })],
    ["version 2", rawHeader(4, 2, 0, { version: 2 })],
    ["version 255", rawHeader(4, 2, 0, { version: 255 })],
    ["a length of 64 MiB + 1", rawHeader(4, 2, 64 * 1024 * 1024 + 1)],
    ["a length of 4 GiB", rawHeader(4, 2, 0xffff_ffff)],
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nhost: a\r\n\r\n")],
    ["one byte too few in the frame before", good.subarray(1)],
  ])("with %s is an error, after the good frames before it and wherever it is split", ([, bad]) => {
    const bytes = Buffer.concat([good, bad, good]);
    for (let at = 0; at <= good.length + 16; at++) {
      const { reader, seen } = collector();
      expect(() => {
        reader.push(bytes.subarray(0, at));
        reader.push(bytes.subarray(at));
      }, `split after ${at} bytes`).toThrow(DirtyProtocolError);
      expect(seen).toEqual([{ type: 4, id: 1, payload: rawString("ok") }]);
    }
  });

  test("says what the peer seems to be", () => {
    expect(() => collector().reader.push(hex("474554202f20485454502f312e310d0a"))).toThrow(/magic 0x4745/);
    expect(() => collector().reader.push(rawHeader(4, 1, 0, { version: 3 }))).toThrow(/version 3/);
  });

  test("is an error even if it is random bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), (parts) => {
        const { reader } = collector();
        try {
          for (const part of parts) reader.push(Buffer.from(part));
          reader.end();
        } catch (error) {
          if (!(error instanceof DirtyProtocolError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});

test("an error in the handler is thrown by push(), also for a frame that came in parts", () => {
  const bytes = rawFrame(4, 1, rawString("ok"));
  for (const parts of [[bytes], [bytes.subarray(0, 3), bytes.subarray(3)]]) {
    const reader = new FrameReader(() => {
      throw new RangeError("mine");
    });
    expect(() => {
      for (const part of parts) reader.push(part);
    }).toThrow(RangeError);
  }
});

function bytesOf(list: Seen[]): Buffer {
  return Buffer.concat(list.map(({ type, id, payload }) => rawFrame(type, id, payload)));
}

function readIn(parts: Buffer[]): Seen[] {
  const { reader, seen } = collector();
  for (const part of parts) reader.push(part);
  reader.end();
  return seen;
}
