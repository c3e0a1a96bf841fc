import { deepStrictEqual } from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import { FrameWriter } from "../../src/protocol/frame-writer.ts";
import { checkHeader } from "../../src/protocol/header.ts";
import {
  FIRST_OWN_TYPE,
  MSG,
  readApps,
  readBytes,
  readChunk,
  readDict,
  readFree,
  readHeartbeat,
  readHello,
  readPlace,
  readPlaced,
  readPosition,
  readReady,
  readRevoke,
  readRun,
  readWelcome,
} from "../../src/protocol/messages.ts";
import {
  readAttach,
  readAttached,
  readEndStream,
  readFind,
  readForget,
  readFound,
  STREAM_MSG,
} from "../../src/protocol/stream-messages.ts";
import { decodeTlv } from "../../src/protocol/tlv-reader.ts";
import { encodeTlv } from "../../src/protocol/tlv-writer.ts";
import { collector } from "./bytes.ts";
import { frameVectors, malformed, valueVectors } from "./vectors.ts";

/** What reads each message of ours that says something. */
const READERS = new Map<number, (dict: Record<string, unknown>) => object>([
  [MSG.HELLO, readHello],
  [MSG.WELCOME, readWelcome],
  [MSG.APPS, (dict) => ({ apps: readApps(dict) })],
  [MSG.PLACE, readPlace],
  [MSG.PLACED, readPlaced],
  [MSG.QUEUED, (dict) => ({ position: readPosition(dict) })],
  [MSG.RUN, readRun],
  [MSG.CREDIT, (dict) => ({ bytes: readBytes(dict) })],
  [MSG.READY, readReady],
  [MSG.HEARTBEAT, (dict) => ({ started: readHeartbeat(dict) })],
  [MSG.FREE, readFree],
  [MSG.REVOKE, readRevoke],
  [STREAM_MSG.FIND, readFind],
  [STREAM_MSG.FOUND, readFound],
  [STREAM_MSG.ATTACH, readAttach],
  [STREAM_MSG.ATTACHED, readAttached],
  [STREAM_MSG.END_STREAM, readEndStream],
  [STREAM_MSG.FORGET, readForget],
]);

describe("golden values", () => {
  test.for(valueVectors())("$name is read", ({ bytes, value }) => {
    deepStrictEqual(decodeTlv(bytes), value);
  });

  test.for(valueVectors().filter((vector) => vector.encodes))("$name is written", ({ bytes, value }) => {
    expect(encodeTlv(value).toString("hex")).toBe(bytes.toString("hex"));
  });

  test.for(valueVectors())("$name is read from the middle of other bytes", ({ bytes, value }) => {
    const around = Buffer.concat([Buffer.alloc(7, 0x21), bytes, Buffer.alloc(9, 0x11)]);
    deepStrictEqual(decodeTlv(around, 7, 7 + bytes.length), value);
  });

  test.for(valueVectors().filter(({ bytes }) => bytes.length > 1))(
    "$name, cut anywhere, is refused",
    ({ bytes }) => {
      for (let cut = 0; cut < bytes.length; cut++) {
        expect(() => decodeTlv(bytes.subarray(0, cut)), `cut after ${cut} bytes`).toThrow(DirtyProtocolError);
        // What lies behind the end belongs to another frame and must not complete this one.
        expect(() => decodeTlv(bytes, 0, cut), `ended after ${cut} bytes`).toThrow(DirtyProtocolError);
      }
    },
  );

  test.for(valueVectors())("$name with a byte behind it is refused", ({ bytes }) => {
    expect(() => decodeTlv(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(DirtyProtocolError);
  });
});

describe("golden frames", () => {
  test("there is one for every message type, Gunicorn's and ours", () => {
    const codes = new Set(frameVectors().map((vector) => vector.code));
    expect(codes).toEqual(new Set([...Object.values(MSG), ...Object.values(STREAM_MSG)]));
  });

  test("Gunicorn's message types have Gunicorn's codes, and ours begin at 0x20", () => {
    const { REQUEST, RESPONSE, ERROR, CHUNK, END, STASH, STATUS, MANAGE, ...own } = MSG;
    expect([REQUEST, RESPONSE, ERROR, CHUNK, END]).toEqual([0x01, 0x02, 0x03, 0x04, 0x05]);
    expect([STASH, STATUS, MANAGE]).toEqual([0x10, 0x11, 0x12]);
    expect(Math.min(...Object.values(own))).toBe(FIRST_OWN_TYPE);
    expect(new Set(Object.values(MSG)).size).toBe(Object.keys(MSG).length);
  });

  test.for(frameVectors())("$name is read", ({ bytes, code, id, payload }) => {
    const { reader, seen } = collector();
    reader.push(bytes);
    reader.end();
    expect(seen).toHaveLength(1);
    const [frame] = seen;
    expect(frame?.type).toBe(code);
    expect(BigInt(frame?.id ?? -1)).toBe(id);
    const body = frame?.payload ?? Buffer.alloc(0);
    if (payload === undefined) expect(body).toHaveLength(0);
    else deepStrictEqual(readDict(body, 0, body.length), payload);
  });

  test.for(frameVectors().filter(({ code }) => READERS.has(code)))(
    "$name: all that it says is taken",
    ({ code, payload }) => {
      expect(READERS.get(code)?.(payload as Record<string, unknown>)).toMatchObject(payload as object);
    },
  );

  test.for(frameVectors())("$name is written", ({ bytes, code, id, payload }) => {
    const writer = new FrameWriter();
    expect(writer.frame(code, id, payload)).toBe(bytes.length);
    expect(Buffer.concat(writer.take()).toString("hex")).toBe(bytes.toString("hex"));
  });

  test.for(frameVectors().filter(({ code }) => code === MSG.CHUNK))(
    "$name: the fast way does the same",
    (vector) => {
      const { data } = vector.payload as { data: unknown };
      const writer = new FrameWriter();
      expect(writer.chunk(MSG.CHUNK, vector.id, data)).toBe(vector.bytes.length);
      expect(Buffer.concat(writer.take()).toString("hex")).toBe(vector.bytes.toString("hex"));
      deepStrictEqual(readChunk(vector.bytes, 16, vector.bytes.length), data);
    },
  );

  test("an id below 2^53 is a number, any other a bigint, and both are echoed bit for bit", () => {
    for (const { bytes, code, id } of frameVectors()) {
      const { reader, seen } = collector();
      reader.push(bytes);
      const echoed = seen[0]?.id ?? -1;
      expect(typeof echoed).toBe(id < 2n ** 53n ? "number" : "bigint");
      const writer = new FrameWriter();
      writer.frame(code, echoed);
      expect(Buffer.concat(writer.take()).subarray(8, 16)).toEqual(bytes.subarray(8, 16));
    }
  });
});

describe("malformed bytes", () => {
  test.for(malformed("values"))("$name is refused", ({ bytes }) => {
    expect(() => decodeTlv(bytes)).toThrow(DirtyProtocolError);
  });

  test.for(malformed("headers"))("a header with $name is refused", ({ bytes }) => {
    expect(() => checkHeader(bytes, 0)).toThrow(DirtyProtocolError);
    const { reader, seen } = collector();
    expect(() => reader.push(bytes)).toThrow(DirtyProtocolError);
    expect(seen).toEqual([]);
  });
});
