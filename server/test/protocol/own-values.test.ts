/** Values of types that only processes of this server know: their bytes, and what is written of them for Gunicorn. */
import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EncodedValue } from "../../src/protocol/encoded-value.ts";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import { FrameWriter } from "../../src/protocol/frame-writer.ts";
import { HEADER_SIZE } from "../../src/protocol/header.ts";
import { MSG, readChunk, readDict } from "../../src/protocol/messages.ts";
import { decodeTlv } from "../../src/protocol/tlv-reader.ts";
import { encodeTlv, encodeValue } from "../../src/protocol/tlv-writer.ts";
import { rawBytes, rawDict, rawFloat, rawInt, rawList, rawString } from "./bytes.ts";
import { ownMalformed, ownVectors } from "./vectors.ts";

describe("golden values of ours", () => {
  test.for(ownVectors())("$name is read", ({ bytes, value }) => {
    deepStrictEqual(decodeTlv(bytes), value);
  });

  test.for(ownVectors())("$name is written for a process of ours", ({ bytes, value }) => {
    expect(encodeTlv(value, "ours").toString("hex")).toBe(bytes.toString("hex"));
  });

  test.for(ownVectors())("$name is written for Gunicorn in its own types", ({ value, gunicorn }) => {
    expect(encodeTlv(value).toString("hex")).toBe(gunicorn.toString("hex"));
  });

  test.for(ownVectors())("$name, kept as bytes, is written for each as the value is", (vector) => {
    const kept = EncodedValue.of(vector.bytes);
    expect(encodeTlv({ kept }, "ours")).toEqual(rawDict(["kept", vector.bytes]));
    expect(encodeTlv({ kept })).toEqual(rawDict(["kept", vector.gunicorn]));
  });

  test.for(ownVectors())("$name, cut anywhere or with a byte behind it, is refused", ({ bytes }) => {
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(() => decodeTlv(bytes.subarray(0, cut)), `cut after ${cut}`).toThrow(DirtyProtocolError);
    }
    expect(() => decodeTlv(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(DirtyProtocolError);
  });

  test.for(ownMalformed())("$name is refused", ({ bytes }) => {
    expect(() => decodeTlv(bytes)).toThrow(DirtyProtocolError);
  });
});

test("what Gunicorn put into the stash comes back to it byte for byte, a float that is whole too", () => {
  const bytes = rawDict(
    ["f", rawFloat(5)],
    ["l", rawList(rawString("ü"), rawInt(2n ** 60n), rawBytes(Buffer.alloc(3)))],
    ["e", rawDict()],
  );
  expect(encodeTlv({ kept: EncodedValue.of(bytes) })).toEqual(rawDict(["kept", bytes]));
});

describe("what was read", () => {
  test("has memory of its own, and no more than it needs", () => {
    const frame = Buffer.from(encodeTlv(Float32Array.of(1.5, 2.5), "ours"));
    const read = decodeTlv(frame) as Float32Array;
    frame.fill(0);
    expect([...read]).toEqual([1.5, 2.5]);
    expect(read.buffer.byteLength).toBe(8);
  });

  test("is what was sent: a Buffer is a Buffer, a Uint8Array none", () => {
    const read = decodeTlv(encodeTlv([Buffer.of(1), Uint8Array.of(1)], "ours")) as object[];
    expect(read.map((one) => one.constructor.name)).toEqual(["Buffer", "Uint8Array"]);
  });

  test("is what the view showed, wherever in its memory that was", () => {
    const memory = new ArrayBuffer(24);
    new Float32Array(memory).set([0, 1, 2, 3, 4, 5]);
    const view = new Float32Array(memory, 4, 2);
    deepStrictEqual(decodeTlv(encodeTlv(view, "ours")), Float32Array.of(1, 2));
    const shared = new Int16Array(new SharedArrayBuffer(4));
    shared.set([7, 8]);
    deepStrictEqual(decodeTlv(encodeTlv(shared, "ours")), Int16Array.of(7, 8));
  });

  test("keeps what is not a number, minus zero and every bit of a large integer", () => {
    for (const value of [
      Float32Array.of(Number.NaN, -0, Number.POSITIVE_INFINITY),
      BigUint64Array.of(2n ** 64n - 1n),
      BigInt64Array.of(-(2n ** 63n)),
    ]) {
      deepStrictEqual(decodeTlv(encodeTlv(value, "ours")), value);
    }
  });

  test("half floats arrive as such, where this Node has them, or as the same numbers", () => {
    // 1.5, -2, the smallest one, the largest one, infinity, 0.1 as near as it comes
    const halves = Buffer.from("003e00c00100ff7b007c662e", "hex");
    const read = decodeTlv(Buffer.concat([Buffer.from("42650000000c", "hex"), halves]));
    const kind = "Float16Array" in globalThis ? "Float16Array" : "Float32Array";
    expect((read as object).constructor.name).toBe(kind);
    expect([...(read as Float32Array)]).toEqual([1.5, -2, 2 ** -24, 65504, Infinity, 0.0999755859375]);
  });
});

test("a bigint arrives as a bigint, and a number as a number, whatever its size", () => {
  const sizes = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -9n, max: 9n }),
  );
  fc.assert(
    fc.property(sizes, (sent) => {
      expect(decodeTlv(encodeTlv(sent, "ours"))).toBe(sent);
      expect(decodeTlv(encodeTlv(Number(sent), "ours"))).toBe(Number(sent));
    }),
  );
});

describe("a message", () => {
  test("carries an embedding as one piece of memory, and a float in Gunicorn's chunk as a list", () => {
    const writer = new FrameWriter();
    const data = Float32Array.from({ length: 1000 }, (_, n) => n / 3);
    writer.reader = "ours";
    const bytes = writer.chunk(MSG.CHUNK, 1, data);
    expect(bytes).toBeLessThan(4100);
    const frame = Buffer.concat(writer.take());
    deepStrictEqual(readChunk(frame, 16, frame.length), data);
    writer.reader = "gunicorn";
    writer.chunk(MSG.CHUNK, 1, data);
    const foreign = Buffer.concat(writer.take());
    deepStrictEqual(readChunk(foreign, 16, foreign.length), [...data]);
  });

  test("is refused where its payload is an array", () => {
    for (const value of [Float32Array.of(1), new ArrayBuffer(4), Buffer.of(1), [1], 1]) {
      const bytes = encodeTlv(value, "ours");
      expect(() => readDict(bytes, 0, bytes.length)).toThrow(DirtyProtocolError);
    }
  });

  test("has a result that is undefined, and one that is null", () => {
    for (const [result, expected] of [
      [undefined, undefined],
      [null, null],
    ]) {
      const bytes = encodeTlv({ result }, "ours");
      expect(readDict(bytes, 0, bytes.length)["result"]).toBe(expected);
    }
  });
});

test("a BigUint64Array that Gunicorn's integers do not hold is refused for it, with its place", () => {
  const value = { ids: BigUint64Array.of(1n, 2n ** 63n) };
  expect(() => encodeTlv(value)).toThrow(/64 bits.*\(ids\[1\]\)/);
  expect(() => encodeValue(value)).not.toThrow();
});

test.each([
  ["in front", { a: undefined, long: "x".repeat(100_000), b: 1 }],
  ["behind", { long: "x".repeat(100_000), a: undefined, b: { c: undefined } }],
  ["alone", { a: undefined }],
])(
  "a property that is undefined is left out, also where the object fills more than one slab: %s",
  (_where, value) => {
    // Behind another message, so that its beginning moves into the next slab.
    const writer = new FrameWriter();
    writer.frame(MSG.RESPONSE, 1, { result: "first" });
    const before = writer.size;
    writer.frame(MSG.RESPONSE, 2, { result: [1, value, 2] });
    const bytes = Buffer.concat(writer.take()).subarray(before + HEADER_SIZE);
    const { result } = readDict(bytes, 0, bytes.length);
    expect(result).toStrictEqual([1, JSON.parse(JSON.stringify(value)), 2]);
  },
);
