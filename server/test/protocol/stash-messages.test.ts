import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DirtyProtocolError, StashError } from "../../src/protocol/errors.ts";
import { readStash, STASH } from "../../src/protocol/stash-messages.ts";
import { decodeTlv, findFields } from "../../src/protocol/tlv-reader.ts";
import { encodeTlv, encodeValue } from "../../src/protocol/tlv-writer.ts";
import { rawDict, rawInt, rawString, rawValue } from "./bytes.ts";

const read = (payload: Buffer) => readStash(payload, 0, payload.length);

describe("STASH", () => {
  test("as Gunicorn's client sends it is read, its value as the bytes that came", () => {
    const value = rawDict(["b", rawInt(1n)], ["a", rawString("é")]);
    const request = read(
      rawDict(["op", rawInt(1n)], ["table", rawString("t")], ["key", rawString("k")], ["value", value]),
    );
    expect(request).toMatchObject({ op: STASH.PUT, table: "t", key: "k", by: 1, answered: 0 });
    expect(request.value?.bytes()).toEqual(value);
    expect(request.expected).toBeUndefined();
  });

  test("has Gunicorn's codes, and ours from 0x20 on", () => {
    const { INCR, COMPARE_AND_SET, ...theirs } = STASH;
    expect(Object.values(theirs)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect([INCR, COMPARE_AND_SET]).toEqual([0x20, 0x21]);
  });

  test.for<[string, Record<string, unknown>]>([
    ["a number as a key", { op: 2, table: "t", key: 1 }],
    ["a number as a table", { op: 2, table: 1, key: "k" }],
    ["text as an operation", { op: "put", table: "t" }],
    ["text as a time to live", { op: 1, table: "t", key: "k", ttl: "1" }],
    ["a time to live of 0", { op: 1, table: "t", key: "k", ttl: 0 }],
    ["one that is not a number", { op: 1, table: "t", key: "k", ttl: Number.NaN }],
    ["a bound of half an entry", { op: 7, table: "t", max_entries: 0.5 }],
    ["a bound below 1", { op: 7, table: "t", max_bytes: -1 }],
    ["a key of 1,025 bytes", { op: 2, table: "t", key: "x".repeat(1025) }],
  ])("with %s is an answer, not the end of the connection", ([, fields]) => {
    expect(() => read(encodeTlv(fields))).toThrow(StashError);
  });

  test.for<[string, Buffer]>([
    ["no payload", Buffer.alloc(0)],
    ["a list", rawValue([1])],
    ["a value that is cut", rawDict(["op", rawInt(1n)], ["value", rawString("abc").subarray(0, 6)])],
    ["a value that is not UTF-8", rawDict(["op", rawInt(1n)], ["value", rawString(Buffer.of(0xff))])],
    ["a value of a type that there is not", rawDict(["op", rawInt(1n)], ["value", Buffer.of(0x7f)])],
    ["bytes behind it", Buffer.concat([rawDict(["op", rawInt(1n)]), Buffer.of(0)])],
  ])("with %s ends the connection", ([, payload]) => {
    expect(() => read(payload)).toThrow(DirtyProtocolError);
  });
});

test("what is found without being built is what is read, and refused where that is", () => {
  const payload = fc.dictionary(fc.string(), fc.jsonValue()).map((dict) => encodeTlv(dict));
  const broken = fc
    .tuple(payload, fc.nat(), fc.nat(255))
    .map(([bytes, at, byte]) =>
      Buffer.from(bytes.map((old, index) => (index === at % bytes.length ? byte : old))),
    );
  const attempt = <T>(work: () => T): T | "refused" => {
    try {
      return work();
    } catch (error) {
      expect(error).toBeInstanceOf(DirtyProtocolError);
      return "refused";
    }
  };
  fc.assert(
    fc.property(fc.oneof(payload, broken), (bytes) => {
      const found = attempt(() =>
        [...findFields(bytes, 0, bytes.length)].map(([key, { start, end }]) => [
          key,
          decodeTlv(bytes, start, end, 1),
        ]),
      );
      const value = attempt(() => decodeTlv(bytes));
      if (typeof value === "object" && value !== null && !Array.isArray(value) && found !== "refused") {
        expect(Object.fromEntries(found)).toEqual({ ...value });
      } else if (bytes[0] === 0x21) {
        expect([found, value]).toEqual(["refused", "refused"]);
      }
    }),
    { numRuns: 1000 },
  );
});

describe("a value that is kept as its bytes", () => {
  test.for([10, 1023, 1024, 1025, 200_000])("of about %i bytes is written as it was read", (size) => {
    const value = { list: ["é".repeat(size / 2), null, 1.5] };
    const kept = encodeValue(value);
    expect(kept.bytes()).toEqual(rawValue(value));
    expect(encodeTlv({ result: kept })).toEqual(rawDict(["result", rawValue(value)]));
    expect(kept.same(encodeValue(value))).toBe(true);
    expect(kept.same(encodeValue({ ...value, more: 1 }))).toBe(false);
  });

  test("is not disturbed by a value whose getter keeps another one", () => {
    const value = {
      get inner() {
        encodeValue("another");
        return 1;
      },
    };
    expect(encodeValue({ before: "x", value }).bytes()).toEqual(
      rawValue({ before: "x", value: { inner: 1 } }),
    );
  });

  test("that cannot cross leaves the next one whole", () => {
    expect(() => encodeValue(["x".repeat(100_000), () => {}])).toThrow(DirtyProtocolError);
    expect(encodeValue("a").bytes()).toEqual(rawString("a"));
  });
});
