import { deepStrictEqual } from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import { decodeTlv } from "../../src/protocol/tlv-reader.ts";
import { encodeTlv } from "../../src/protocol/tlv-writer.ts";
import { rawBytes, rawDict, rawInt, rawList, rawString, rawValue } from "./bytes.ts";
import { nestedTo, UNSENDABLE } from "./unsendable.ts";
import { dictOf } from "./vectors.ts";

const NULL = Buffer.of(0x00);

describe("undefined", () => {
  test("crosses as null", () => {
    expect(encodeTlv(undefined)).toEqual(NULL);
  });

  test("crosses as null inside a list, so that no other item moves", () => {
    expect(encodeTlv([undefined, "a", undefined])).toEqual(rawList(NULL, rawString("a"), NULL));
  });

  test("is left out as a property, as in JSON", () => {
    expect(encodeTlv({ a: undefined, b: 1, c: undefined })).toEqual(rawDict(["b", rawInt(1n)]));
    expect(encodeTlv({ a: undefined })).toEqual(rawDict());
  });

  test("a hole in a list crosses as null", () => {
    const list: unknown[] = [];
    list[2] = true;
    expect(decodeTlv(encodeTlv(list))).toEqual([null, null, true]);
  });
});

describe("objects", () => {
  test("only what is enumerable, its own and named by a string crosses", () => {
    const value = Object.defineProperty({ a: 1, [Symbol("s")]: 2 }, "hidden", {
      value: 3,
      enumerable: false,
    });
    expect(encodeTlv(value)).toEqual(rawDict(["a", rawInt(1n)]));
  });

  test("an object without a prototype is a dict", () => {
    const value: Record<string, unknown> = Object.create(null);
    value["a"] = 1;
    expect(encodeTlv(value)).toEqual(rawDict(["a", rawInt(1n)]));
  });

  test("__proto__ as a key is data: it changes no prototype, neither here nor there", () => {
    const sent = dictOf([
      ["__proto__", { polluted: true }],
      ["a", 1],
    ]);
    const written = encodeTlv(sent);
    expect(written).toEqual(rawDict(["__proto__", rawValue({ polluted: true })], ["a", rawInt(1n)]));
    const read = decodeTlv(written) as Record<string, unknown>;
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(Object.keys(read)).toEqual(["__proto__", "a"]);
    expect(read["polluted"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    deepStrictEqual(read, sent);
  });

  test("a null as __proto__ leaves the object its prototype", () => {
    const read = decodeTlv(rawDict(["__proto__", NULL]));
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    deepStrictEqual(read, dictOf([["__proto__", null]]));
  });

  test("a list of a class of its own is a list", () => {
    class Tokens extends Array<unknown> {}
    expect(encodeTlv(Tokens.of("a"))).toEqual(rawList(rawString("a")));
  });
});

test("a list that changes while it is written is written with the length that it began with", () => {
  for (const change of [(list: unknown[]) => list.push("more"), (list: unknown[]) => (list.length = 1)]) {
    const list: unknown[] = [];
    list.push(Object.defineProperty({}, "first", { enumerable: true, get: () => change(list) }), "second");
    expect(decodeTlv(encodeTlv(list))).toHaveLength(2);
  }
});

describe("bytes", () => {
  test("a Buffer, a Uint8Array and a view into a larger one cross as what they show", () => {
    const whole = Uint8Array.of(1, 2, 3, 4);
    for (const value of [Buffer.of(2, 3), Uint8Array.of(2, 3), whole.subarray(1, 3)]) {
      expect(encodeTlv(value)).toEqual(rawBytes(Uint8Array.of(2, 3)));
    }
  });

  test("what was read is a copy: the bytes it came in may be used again", () => {
    const frame = rawBytes(Buffer.from("secret"));
    const read = decodeTlv(frame) as Buffer;
    frame.fill(0);
    expect(read.toString()).toBe("secret");
  });
});

describe("strings", () => {
  test("of every length around the writer's short way are written alike", () => {
    for (let length = 0; length <= 40; length++) {
      for (const text of [
        "x".repeat(length),
        `${"x".repeat(length)}é`,
        "é".repeat(length),
        "😀".repeat(length),
      ]) {
        expect(encodeTlv(text)).toEqual(rawString(text));
        expect(decodeTlv(rawString(text))).toBe(text);
      }
    }
  });

  test("half a surrogate pair, which UTF-8 cannot hold, becomes the replacement character", () => {
    for (const text of ["\ud800", "a\udc00b", `\ud83d${"x".repeat(40)}`]) {
      expect(decodeTlv(encodeTlv(text))).toBe(text.replace(/[\ud800-\udfff]/, "\ufffd"));
    }
  });
});

describe("a value that cannot cross is an error where it is sent", () => {
  test.for(UNSENDABLE)("$name", ({ value, says }) => {
    expect(() => encodeTlv(value)).toThrow(DirtyProtocolError);
    expect(() => encodeTlv(value)).toThrow(says);
  });

  test.for(UNSENDABLE.filter(({ name }) => !name.includes("levels")))(
    "$name, deep inside",
    ({ value, says }) => {
      expect(() => encodeTlv({ a: [1, { b: value }] })).toThrow(DirtyProtocolError);
      expect(() => encodeTlv({ a: [1, { b: value }] })).toThrow(says);
    },
  );

  test("64 levels cross", () => {
    const value = nestedTo(64);
    expect(encodeTlv(value)).toEqual(rawValue(value));
    deepStrictEqual(decodeTlv(encodeTlv(value)), value);
  });
});
