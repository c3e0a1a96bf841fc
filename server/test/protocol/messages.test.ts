import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import { FrameWriter } from "../../src/protocol/frame-writer.ts";
import * as messages from "../../src/protocol/messages.ts";
import { MSG, readChunk, readDict, readError, readRequest } from "../../src/protocol/messages.ts";
import { rawDict, rawList, rawString, rawValue } from "./bytes.ts";
import { nestedTo } from "./unsendable.ts";

function chunkOf(payload: Buffer): unknown {
  // Between other bytes, as in a read of several frames.
  const around = Buffer.concat([Buffer.alloc(3, 0xff), payload, Buffer.alloc(20, 0x21)]);
  return readChunk(around, 3, 3 + payload.length);
}

describe("a CHUNK", () => {
  test.for<[string, unknown]>([
    ["a token", "Hi"],
    ["an empty token", ""],
    ["null", null],
    ["a dict", { data: 1 }],
    ["a list", [1, [2]]],
    ["bytes", Buffer.of(1, 2)],
    ["-0", -0],
  ])("of %s is read", ([, value]) => {
    deepStrictEqual(chunkOf(rawDict(["data", rawValue(value)])), value);
  });

  test("with more keys, in any order, is read by its key", () => {
    expect(chunkOf(rawDict(["data", rawString("a")], ["more", rawString("b")]))).toBe("a");
    expect(chunkOf(rawDict(["more", rawString("b")], ["data", rawString("a")]))).toBe("a");
  });

  test("without data is a null", () => {
    expect(chunkOf(rawDict())).toBeNull();
    expect(chunkOf(rawDict(["date", rawString("a")]))).toBeNull();
  });

  test.for<[string, Buffer]>([
    ["no payload", Buffer.alloc(0)],
    ["a list", rawList(rawString("a"))],
    ["a key and no value", rawDict(["data", Buffer.alloc(0)])],
    ["a cut value", rawDict(["data", rawString("abc").subarray(0, 7)])],
    ["bytes behind its value", Buffer.concat([rawDict(["data", rawString("a")]), Buffer.of(0)])],
    ["a cut key", rawDict(["data", rawString("a")]).subarray(0, 12)],
    ["64 levels inside its dict, which makes 65", rawDict(["data", rawValue(nestedTo(64))])],
  ])("with %s is refused", ([, payload]) => {
    expect(() => chunkOf(payload)).toThrow(DirtyProtocolError);
  });

  test("cut anywhere is refused, also when no other bytes lie behind it", () => {
    const payload = rawDict(["data", rawString("abc")]);
    for (let cut = 0; cut < payload.length; cut++) {
      expect(() => readChunk(Buffer.from(payload.subarray(0, cut)), 0, cut)).toThrow(DirtyProtocolError);
      expect(() => readChunk(payload, 0, cut)).toThrow(DirtyProtocolError);
    }
  });

  test("with 63 levels inside its dict crosses, as many as can be sent", () => {
    const value = nestedTo(63);
    deepStrictEqual(chunkOf(rawDict(["data", rawValue(value)])), value);
    const writer = new FrameWriter();
    writer.chunk(MSG.CHUNK, 1, value);
    expect(() => writer.chunk(MSG.CHUNK, 1, nestedTo(64))).toThrow(DirtyProtocolError);
    const [part] = writer.take();
    deepStrictEqual(readChunk(part ?? Buffer.alloc(0), 16, part?.length ?? 0), value);
  });

  test("is written the same by the short way and by the long one", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: false, maxDepth: 3 }), (value) => {
        const short = new FrameWriter();
        const long = new FrameWriter();
        const shortError = errorOf(() => short.chunk(MSG.CHUNK, 1, value));
        const longError = errorOf(() => long.frame(MSG.CHUNK, 1, { data: value ?? null }));
        expect(shortError).toBe(longError);
        expect(Buffer.concat(short.take())).toEqual(Buffer.concat(long.take()));
      }),
      { numRuns: 500 },
    );
  });
});

describe("a payload that must be a dict", () => {
  test.for<[string, Buffer]>([
    ["nothing", Buffer.alloc(0)],
    ["null", rawValue(null)],
    ["a string", rawString("a")],
    ["a number", rawValue(1)],
    ["a list", rawList()],
    ["bytes", rawValue(Buffer.of(1))],
  ])("is refused when it is %s", ([, payload]) => {
    expect(() => readDict(payload, 0, payload.length)).toThrow(DirtyProtocolError);
  });
});

describe("a REQUEST", () => {
  const request = { app_path: "a:A", action: "run", args: [1], kwargs: { n: 2 } };

  test("is read", () => {
    expect(readRequest({ ...request, more: true })).toEqual(request);
  });

  test("may leave out what is empty", () => {
    for (const empty of [undefined, null]) {
      expect(readRequest({ app_path: "a:A", action: "run", args: empty, kwargs: empty })).toEqual({
        app_path: "a:A",
        action: "run",
        args: [],
        kwargs: {},
      });
    }
  });

  test.for([
    { app_path: 1 },
    { app_path: null },
    { action: undefined },
    { action: ["run"] },
    { args: "no list" },
    { args: {} },
    { kwargs: [] },
    { kwargs: Buffer.of(1) },
    { kwargs: "no dict" },
  ])("with %o is refused, and the field is named", (wrong) => {
    const [field] = Object.keys(wrong);
    expect(() => readRequest({ ...request, ...wrong })).toThrow(DirtyProtocolError);
    expect(() => readRequest({ ...request, ...wrong })).toThrow(`"${field}"`);
  });
});

describe("an ERROR", () => {
  test("is read", () => {
    const error = { error_type: "DirtyTimeoutError", message: "too long", details: { timeout: 1 } };
    expect(readError({ error })).toEqual(error);
  });

  test("of which parts are missing or wrong is an error all the same", () => {
    for (const dict of [
      {},
      { error: null },
      { error: "text" },
      { error: [] },
      { error: { error_type: 7 } },
    ]) {
      expect(readError(dict)).toEqual({ error_type: "DirtyError", message: expect.any(String), details: {} });
      expect(readError(dict).message).not.toBe("");
    }
    expect(readError({ error: { message: "kept", details: [] } })).toMatchObject({
      message: "kept",
      details: {},
    });
  });
});

test("no reader of a message lets a foreign value through: each is read whole or is a protocol error", () => {
  const readers = Object.entries(messages).flatMap(([name, value]) => {
    if (!name.startsWith("read") || name === "readDict" || name === "readChunk") return [];
    return [value as (dict: Record<string, unknown>) => unknown];
  });
  expect(readers.length).toBeGreaterThan(8);
  const field = fc.constantFrom(
    ...[
      "token",
      "role",
      "id",
      "pid",
      "epoch",
      "apps",
      "app",
      "action",
      "timeout",
      "arrival",
      "slot",
      "worker",
    ],
    ...[
      "socket",
      "continues",
      "args",
      "ms_left",
      "request_id",
      "kwargs",
      "emitted",
      "running",
      "started",
      "bytes",
    ],
    ...["position", "cancel", "error", "workers", "concurrency", "__proto__", "constructor"],
  );
  const value = fc.oneof(
    fc.anything(),
    fc.array(fc.dictionary(field, fc.anything())),
    fc.constant("gateway"),
    fc.nat(),
  );
  fc.assert(
    fc.property(fc.dictionary(field, value), (dict) => {
      for (const read of readers) {
        const error = errorOf(() => read(dict));
        if (error !== undefined) expect(error).toBe("DirtyProtocolError");
      }
    }),
    { numRuns: 500 },
  );
});

function errorOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.name : typeof error;
  }
}
