import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import { decodeTlv } from "../../src/protocol/tlv-reader.ts";
import { encodeTlv } from "../../src/protocol/tlv-writer.ts";
import { rawValue } from "./bytes.ts";
import { dictOf } from "./vectors.ts";

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

// Strings of whole code points: half a surrogate pair is not text and has a test of its own.
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "binary-ascii" }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  // Around the length at which the writer changes its way.
  fc.string({ unit: fc.constantFrom("a", "é", "€", "😀"), minLength: 20, maxLength: 28 }),
);
const key = fc.oneof(text, fc.constantFrom("__proto__", "constructor", "data", "0", "-1", ""));
const bigint = fc
  .bigInt({ min: INT64_MIN, max: INT64_MAX })
  .filter((value) => !Number.isSafeInteger(Number(value)));
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(-0, 0, Number.NaN, 2 ** 53, -(2 ** 53), 2 ** 63, 2 ** 32, -(2 ** 32), 2 ** 31, -1),
);
const bytes = fc.uint8Array().map((array) => Buffer.from(array));

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(text, number, bigint, bytes, fc.boolean(), fc.constant(null)),
    fc.array(tie("value")),
    fc.array(fc.tuple(key, tie("value"))).map(dictOf),
  ),
}));

test("every value that may cross comes back as it was", () => {
  fc.assert(
    fc.property(value, (sent) => {
      deepStrictEqual(decodeTlv(encodeTlv(sent)), sent);
    }),
    { numRuns: 2000 },
  );
});

test("every value is written as the wire's rules say", () => {
  fc.assert(
    fc.property(value, (sent) => {
      expect(encodeTlv(sent).toString("hex")).toBe(rawValue(sent).toString("hex"));
    }),
    { numRuns: 1000 },
  );
});

test("what was read is written again as the same bytes", () => {
  fc.assert(
    fc.property(value, (sent) => {
      const written = rawValue(sent);
      expect(encodeTlv(decodeTlv(written)).equals(written)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test("a number is an int64 when it is a safe integer and not -0, else a float64", () => {
  fc.assert(
    fc.property(number, (sent) => {
      const whole = Number.isSafeInteger(sent) && !Object.is(sent, -0);
      expect(encodeTlv(sent)[0]).toBe(whole ? 0x05 : 0x06);
    }),
    { numRuns: 1000 },
  );
});

test("every 64-bit bigint crosses, and comes back as a number where a number can hold it", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: INT64_MIN, max: INT64_MAX }), (sent) => {
      const expected = Number.isSafeInteger(Number(sent)) ? Number(sent) : sent;
      expect(decodeTlv(encodeTlv(sent))).toBe(expected);
    }),
    { numRuns: 1000 },
  );
});

test("a bigint beyond 64 bits is refused", () => {
  const beyond = fc.oneof(fc.bigInt({ min: INT64_MAX + 1n }), fc.bigInt({ max: INT64_MIN - 1n }));
  fc.assert(
    fc.property(beyond, (sent) => {
      expect(() => encodeTlv(sent)).toThrow(DirtyProtocolError);
    }),
  );
});

test("random bytes are a value or a protocol error, and nothing else happens", () => {
  const typeByte = fc.constantFrom(0x00, 0x01, 0x05, 0x06, 0x10, 0x11, 0x20, 0x21, 0x40, 0x41, 0x42);
  const likely = fc
    .tuple(typeByte, fc.array(fc.oneof(typeByte, fc.constant(0), fc.nat(4), fc.nat(255)), { maxLength: 40 }))
    .map(([first, rest]) => Buffer.from([first, ...rest]));
  fc.assert(fc.property(fc.oneof(bytes, likely), readsOrRefuses), { numRuns: 5000 });
});

test("a value with one byte changed, put in or taken out is a value or a protocol error", () => {
  const change = fc.record({
    at: fc.nat(),
    byte: fc.nat(255),
    kind: fc.constantFrom("change", "insert", "drop"),
  });
  fc.assert(
    fc.property(value, change, (sent, { at, byte, kind }) => {
      const written = rawValue(sent);
      const index = at % written.length;
      const put = kind === "drop" ? Buffer.alloc(0) : Buffer.of(byte);
      const rest = written.subarray(kind === "insert" ? index : index + 1);
      readsOrRefuses(Buffer.concat([written.subarray(0, index), put, rest]));
    }),
    { numRuns: 2000 },
  );
});

/** Decodes. If that is not an error, the value must come back the same after another trip. */
function readsOrRefuses(input: Buffer): void {
  let read: unknown;
  try {
    read = decodeTlv(input);
  } catch (error) {
    if (!(error instanceof DirtyProtocolError)) throw error;
    return;
  }
  deepStrictEqual(decodeTlv(encodeTlv(read, "ours")), read);
}
