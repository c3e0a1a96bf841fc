import { describe, expect, test } from "vitest";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import { FrameWriter } from "../../src/protocol/frame-writer.ts";
import { HEADER_SIZE } from "../../src/protocol/header.ts";
import { MSG, readFree, readPlace, readReady, readRun } from "../../src/protocol/messages.ts";
import {
  readAttach,
  readAttached,
  readEndStream,
  readFind,
  readForget,
  readFound,
  STREAM_MSG,
} from "../../src/protocol/stream-messages.ts";

const PLACE = { app: "a", action: "b", timeout: 1, arrival: 2 };
const ATTACH = { stream: "s", slot: 7, after: 3, prefix: true };

describe("a message about streams", () => {
  test("has a type of its own", () => {
    const types = [...Object.values(MSG), ...Object.values(STREAM_MSG)];
    expect(new Set(types).size).toBe(types.length);
  });

  test("is read with all that it carries", () => {
    const run = { args: [1], request_id: "r", kwargs: { k: 1 }, emitted: ["x"] };
    const place = { ...PLACE, since: 3, again: true, stream: "s", lost: 7, run };
    expect(readPlace(place)).toEqual(place);
    expect(readFind({ stream: "s", lost: 7 })).toEqual({ stream: "s", lost: 7 });
    expect(readFound({ worker: 1, socket: "/w", slot: 7 })).toEqual({ worker: 1, socket: "/w", slot: 7 });
    expect(readAttach({ ...ATTACH, request_id: "r" })).toEqual({ ...ATTACH, request_id: "r" });
    const attached = { ...run, app: "a", action: "b", ms_left: 5, continues: true };
    expect(readAttached(attached)).toEqual(attached);
    expect(readEndStream({ stream: "s", slot: 7 })).toEqual({ stream: "s", slot: 7 });
    expect(readForget({ stream: "s", slot: 7 })).toEqual({ stream: "s", slot: 7 });
    const whole = { ...PLACE, slot: 7, args: [], ms_left: 5, request_id: "r", stream: "s" };
    expect(readRun(whole).stream).toBe("s");
    expect(readFree({ slot: 7, unused: true })).toEqual({ slot: 7, unused: true });
  });

  test("is read without what may be left out", () => {
    expect(readPlace(PLACE)).toEqual(PLACE);
    expect(readFind({ stream: "s" })).toEqual({ stream: "s" });
    const bare = { app: "a", action: "b", args: [], request_id: "r", continues: false };
    expect(readAttached(bare)).toEqual(bare);
    expect(readEndStream({ stream: "s" })).toEqual({ stream: "s" });
    expect(readReady({ socket: "/w", apps: [], running: [] }).streams).toEqual([]);
    expect(readFree({ slot: 7 })).toEqual({ slot: 7, unused: false });
  });

  test.for<[string, () => unknown]>([
    ["a PLACE whose stream is a number", () => readPlace({ ...PLACE, stream: 1 })],
    ["a PLACE whose run has no args", () => readPlace({ ...PLACE, run: { request_id: "r" } })],
    ["a FIND without stream", () => readFind({})],
    ["a FIND that lost a text", () => readFind({ stream: "s", lost: "7" })],
    ["a FOUND without socket", () => readFound({ worker: 1, slot: 7 })],
    ["an ATTACH before the first chunk", () => readAttach({ ...ATTACH, after: -1 })],
    ["an ATTACH in the middle of a chunk", () => readAttach({ ...ATTACH, after: 1.5 })],
    ["an ATTACH beyond all counting", () => readAttach({ ...ATTACH, after: 2 ** 60 })],
    ["an ATTACHED without args", () => readAttached({ app: "a", action: "b", request_id: "r" })],
    ["an END_STREAM of nothing", () => readEndStream({ slot: 7 })],
    ["a FORGET of no slot", () => readForget({ stream: "s" })],
    [
      "a READY whose streams are names",
      () => readReady({ socket: "/w", apps: [], running: [], streams: ["s"] }),
    ],
  ])("is refused: %s", ([, read]) => {
    expect(read).toThrow(DirtyProtocolError);
  });
});

test("a frame of bytes that were encoded before is the frame that they came from", () => {
  const first = new FrameWriter();
  first.chunk(MSG.CHUNK, 0, "x".repeat(100_000));
  const frame = Buffer.concat(first.take());
  const again = new FrameWriter();
  for (const id of [1, 2, 3]) {
    const size = again.encoded(MSG.CHUNK, id, frame, HEADER_SIZE, frame.length);
    expect(size).toBe(frame.length);
  }
  const expected = new FrameWriter();
  for (const id of [1, 2, 3]) expected.chunk(MSG.CHUNK, id, "x".repeat(100_000));
  expect(Buffer.concat(again.take()).equals(Buffer.concat(expected.take()))).toBe(true);
});
