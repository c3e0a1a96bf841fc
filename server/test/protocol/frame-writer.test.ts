import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import { FrameWriter } from "../../src/protocol/frame-writer.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { SLAB_SIZE } from "../../src/protocol/tlv-writer.ts";
import { rawDict, rawFrame, rawValue } from "./bytes.ts";
import { UNSENDABLE } from "./unsendable.ts";

function taken(writer: FrameWriter): Buffer {
  return Buffer.concat(writer.take());
}

function chunk(id: number, data: unknown): Buffer {
  return rawFrame(MSG.CHUNK, id, rawDict(["data", rawValue(data)]));
}

describe("frames", () => {
  test("are taken in the order in which they were added, once", () => {
    const writer = new FrameWriter();
    writer.frame(MSG.STARTED, 1);
    writer.chunk(MSG.CHUNK, 1, "a");
    writer.frame(MSG.CHUNK, 2, { data: "b" });
    writer.frame(MSG.END, 1);
    const expected = Buffer.concat([
      rawFrame(MSG.STARTED, 1),
      chunk(1, "a"),
      chunk(2, "b"),
      rawFrame(MSG.END, 1),
    ]);
    expect(writer.size).toBe(expected.length);
    expect(taken(writer)).toEqual(expected);
    expect(writer.size).toBe(0);
    expect(writer.take()).toEqual([]);
  });

  test("of one turn are one piece as long as they fit", () => {
    const writer = new FrameWriter();
    for (let id = 0; id < 1000; id++) writer.chunk(MSG.CHUNK, id, "token");
    expect(writer.take()).toHaveLength(1);
  });

  test("report their size, header included", () => {
    const writer = new FrameWriter();
    expect(writer.frame(MSG.END, 1)).toBe(16);
    expect(writer.frame(MSG.RESPONSE, 1, null)).toBe(17);
    expect(writer.chunk(MSG.CHUNK, 1, "abc")).toBe(16 + 14 + 8);
  });

  test("null is a payload, undefined means no payload", () => {
    const writer = new FrameWriter();
    writer.frame(MSG.RESPONSE, 1, null);
    writer.frame(MSG.RESPONSE, 1, undefined);
    expect(taken(writer)).toEqual(Buffer.concat([rawFrame(2, 1, Buffer.of(0)), rawFrame(2, 1)]));
  });

  test("a chunk of undefined is a chunk of null", () => {
    const writer = new FrameWriter();
    writer.chunk(MSG.CHUNK, 1, undefined);
    expect(taken(writer)).toEqual(chunk(1, null));
  });

  test.for([0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])(
    "carry the id %s bit for bit",
    (id) => {
      const writer = new FrameWriter();
      writer.frame(MSG.END, id);
      expect(taken(writer)).toEqual(rawFrame(MSG.END, id));
    },
  );

  test("an id that is not a 64-bit number leaves nothing behind", () => {
    const writer = new FrameWriter();
    writer.frame(MSG.END, 1);
    expect(() => writer.frame(MSG.END, 2n ** 64n)).toThrow();
    expect(() => writer.frame(MSG.END, -1n)).toThrow();
    writer.frame(MSG.END, 2);
    expect(taken(writer)).toEqual(Buffer.concat([rawFrame(MSG.END, 1), rawFrame(MSG.END, 2)]));
  });
});

describe("slabs", () => {
  test("frames on both sides of a slab's end are whole", () => {
    // The last frame before the end leaves 0 to 60 bytes free, so that each part of the next one is cut once.
    for (let free = 0; free <= 60; free++) {
      const writer = new FrameWriter();
      const filler = Buffer.alloc(SLAB_SIZE - free - 16 - 14 - 5);
      const token = `token ${free} é`;
      writer.chunk(MSG.CHUNK, 1, filler);
      writer.chunk(MSG.CHUNK, 2, token);
      writer.frame(MSG.RESPONSE, 3, { result: [1, 2.5, true, null, token, -1n] });
      writer.frame(MSG.END, 4);
      expect(
        taken(writer).equals(
          Buffer.concat([
            chunk(1, filler),
            chunk(2, token),
            rawFrame(MSG.RESPONSE, 3, rawValue({ result: [1, 2.5, true, null, token, -1] })),
            rawFrame(MSG.END, 4),
          ]),
        ),
        `${free} bytes free`,
      ).toBe(true);
    }
  });

  test("a slab that fills up while frames of earlier turns were taken from it", () => {
    const writer = new FrameWriter();
    const out: Buffer[] = [];
    const expected: Buffer[] = [];
    for (let id = 0; id < 5000; id++) {
      const token = "x".repeat(id % 97);
      writer.chunk(MSG.CHUNK, id, token);
      expected.push(chunk(id, token));
      if (id % 7 === 0) out.push(...writer.take());
    }
    out.push(...writer.take());
    expect(Buffer.concat(out).equals(Buffer.concat(expected))).toBe(true);
  });

  test.for([SLAB_SIZE - 40, SLAB_SIZE, SLAB_SIZE + 1, 300_000, 3_000_000])(
    "a value of %i bytes is whole",
    (size) => {
      const values = [Buffer.alloc(size, 1), "x".repeat(size), "€".repeat(size / 3), `${"x".repeat(size)}é`];
      for (const value of [...values, values]) {
        const writer = new FrameWriter();
        writer.chunk(MSG.CHUNK, 1, "before");
        writer.chunk(MSG.CHUNK, 2, value);
        writer.chunk(MSG.CHUNK, 3, "after");
        const expected = Buffer.concat([chunk(1, "before"), chunk(2, value), chunk(3, "after")]);
        expect(writer.size).toBe(expected.length);
        expect(taken(writer).equals(expected)).toBe(true);
      }
    },
  );

  test("what was taken never changes, whatever is written after it", () => {
    const writer = new FrameWriter();
    const handed: { part: Buffer; copy: Buffer }[] = [];
    const hand = () => {
      for (const part of writer.take()) handed.push({ part, copy: Buffer.from(part) });
    };
    for (let id = 0; id < 3000; id++) {
      writer.chunk(MSG.CHUNK, id, `token ${id}`);
      if (id % 5 === 0) hand();
      if (id % 300 === 0) writer.frame(MSG.RESPONSE, id, { result: "y".repeat(100_000) });
      if (id % 11 === 0) {
        expect(() => writer.chunk(MSG.CHUNK, id, ["z".repeat(id * 30), Symbol("no")])).toThrow(
          DirtyProtocolError,
        );
      }
      if (id % 400 === 0) hand();
    }
    hand();
    expect(handed.length).toBeGreaterThan(500);
    expect(handed.every(({ part, copy }) => part.equals(copy))).toBe(true);
  });

  test("a large value's slab is not kept for the small ones after it", () => {
    const writer = new FrameWriter();
    writer.chunk(MSG.CHUNK, 1, Buffer.alloc(8 * 1024 * 1024));
    writer.take();
    writer.chunk(MSG.CHUNK, 2, "small");
    const [part] = writer.take();
    expect(part?.buffer.byteLength).toBe(SLAB_SIZE);
  });
});

describe("a value that cannot cross", () => {
  const around = Buffer.concat([chunk(1, "before"), chunk(9, "after")]);

  test.for(UNSENDABLE)(
    "$name leaves the writer usable and nothing of its frame in the output",
    ({ value }) => {
      const writer = new FrameWriter();
      writer.chunk(MSG.CHUNK, 1, "before");
      const { size } = writer;
      expect(() => writer.frame(MSG.RESPONSE, 2, { result: value })).toThrow(DirtyProtocolError);
      expect(() => writer.frame(MSG.RESPONSE, 3, { first: "x".repeat(200), list: [1, [value]] })).toThrow(
        DirtyProtocolError,
      );
      expect(() => writer.chunk(MSG.CHUNK, 4, value)).toThrow(DirtyProtocolError);
      expect(() => writer.chunk(MSG.CHUNK, 5, ["partly written", value])).toThrow(DirtyProtocolError);
      // Past the slab's end, so that a part of the broken frame moves into the next slab.
      expect(() => writer.chunk(MSG.CHUNK, 6, ["x".repeat(100_000), value])).toThrow(DirtyProtocolError);
      expect(writer.size).toBe(size);
      writer.chunk(MSG.CHUNK, 9, "after");
      expect(taken(writer)).toEqual(around);
    },
  );

  test("as the only frame leaves nothing to take", () => {
    const writer = new FrameWriter();
    expect(() => writer.chunk(MSG.CHUNK, 1, new Date())).toThrow(DirtyProtocolError);
    expect(() => writer.chunk(MSG.CHUNK, 1, ["x".repeat(100_000), new Date()])).toThrow(DirtyProtocolError);
    expect(writer.take()).toEqual([]);
    writer.chunk(MSG.CHUNK, 9, "after");
    expect(taken(writer)).toEqual(chunk(9, "after"));
  });

  test("whose getter throws leaves nothing of its frame either", () => {
    const writer = new FrameWriter();
    const value = {
      first: "written",
      get second(): string {
        throw new RangeError("mine");
      },
    };
    writer.chunk(MSG.CHUNK, 1, "before");
    expect(() => writer.chunk(MSG.CHUNK, 2, [1, value])).toThrow(RangeError);
    writer.chunk(MSG.CHUNK, 9, "after");
    expect(taken(writer)).toEqual(around);
  });
});

test("any mix of good frames, broken frames and takes gives exactly the good frames", () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("chunk" as const), size: fc.nat(200) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("frame" as const), size: fc.nat(40_000) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("broken" as const), size: fc.nat(90_000) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("take" as const), size: fc.constant(0) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const writer = new FrameWriter();
      const out: Buffer[] = [];
      const expected: Buffer[] = [];
      steps.forEach(({ kind, size }, id) => {
        const text = "é".repeat(size);
        if (kind === "take") out.push(...writer.take());
        else if (kind === "broken") expect(() => writer.chunk(MSG.CHUNK, id, [text, Symbol("no")])).toThrow();
        else if (kind === "chunk") {
          writer.chunk(MSG.CHUNK, id, text);
          expected.push(chunk(id, text));
        } else {
          writer.frame(MSG.RESPONSE, id, { result: text });
          expected.push(rawFrame(MSG.RESPONSE, id, rawValue({ result: text })));
        }
      });
      out.push(...writer.take());
      expect(Buffer.concat(out).equals(Buffer.concat(expected))).toBe(true);
    }),
    { numRuns: 200 },
  );
});
