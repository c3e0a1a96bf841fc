import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DirtyProtocolError, DirtyTimeoutError } from "../../src/protocol/errors.ts";
import { FrameReader } from "../../src/protocol/frame-reader.ts";
import { MSG, readDict, readError } from "../../src/protocol/messages.ts";
import {
  rawDict,
  rawFrame,
  rawHeader,
  rawList,
  rawString,
  rawValue,
  type Seen,
  sameFrames,
  u32,
} from "./bytes.ts";
import { own, Sockets, turn, until } from "./sockets.ts";
import { UNSENDABLE } from "./unsendable.ts";

let sockets: Sockets;

beforeEach(async () => {
  sockets = await Sockets.create();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await sockets.close();
});

function chunk(id: number, data: unknown): Seen {
  return { type: MSG.CHUNK, id, payload: rawDict(["data", rawValue(data)]) };
}

function bytes(...frames: Seen[]): Buffer {
  return Buffer.concat(frames.map(({ type, id, payload }) => rawFrame(type, id, payload)));
}

function errorOf(frame: Seen | undefined): unknown {
  expect(frame?.type).toBe(MSG.ERROR);
  const payload = frame?.payload ?? Buffer.alloc(0);
  return readError(readDict(payload, 0, payload.length)).error_type;
}

describe("what is sent", () => {
  test("arrives in order, as frames of one turn in one write", async () => {
    const { owned, peer } = await sockets.connection();
    const write = vi.spyOn(owned.socket, "write");
    const expected: Seen[] = [];
    for (let id = 1; id <= 50; id++) {
      owned.connection.sendChunk(id, `token ${id}`);
      expected.push(chunk(id, `token ${id}`));
    }
    owned.connection.send(MSG.END, 51);
    expected.push({ type: MSG.END, id: 51, payload: Buffer.alloc(0) });
    expect(write).not.toHaveBeenCalled();
    await until("all frames", () => peer.frames.length === 51);
    expect(peer.frames).toEqual(expected);
    expect(write).toHaveBeenCalledTimes(1);
  });

  test("in a promise of the same turn joins the same write", async () => {
    const { owned, peer } = await sockets.connection();
    const write = vi.spyOn(owned.socket, "write");
    owned.connection.sendChunk(1, "a");
    process.nextTick(() => owned.connection.sendChunk(1, "c"));
    owned.connection.sendChunk(1, "b");
    await until("all frames", () => peer.frames.length === 3);
    expect(peer.frames).toEqual([chunk(1, "a"), chunk(1, "b"), chunk(1, "c")]);
    expect(write.mock.calls.length).toBeLessThanOrEqual(2);
  });

  test("leaves when the code that sent it is done", async () => {
    const { owned, peer } = await sockets.connection();
    const write = vi.spyOn(owned.socket, "write");
    owned.connection.send(MSG.STARTED, 1);
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(write).toHaveBeenCalledTimes(1);
    await until("the frame", () => peer.frames.length === 1);
  });

  test("as chunks, in a turn of many timers, leaves in one write at its end", async () => {
    const { owned, peer } = await sockets.connection();
    const write = vi.spyOn(owned.socket, "write");
    // Node runs ticks after each timer, so only the end of the turn is late enough for all of them.
    const sent = [1, 2, 3].map(
      (id) =>
        new Promise<void>((resolve) => {
          setTimeout(() => {
            owned.connection.sendChunk(id, "a");
            resolve();
          }, 5);
        }),
    );
    // However slowly they were set, they are all due in the same turn.
    const due = performance.now() + 10;
    while (performance.now() < due);
    await Promise.all(sent);
    await turn();
    expect(write).toHaveBeenCalledTimes(1);
    await until("the frames", () => peer.frames.length === 3);
  });

  test("is not held back behind chunks", async () => {
    const { owned, peer } = await sockets.connection();
    const write = vi.spyOn(owned.socket, "write");
    owned.connection.sendChunk(1, "a");
    owned.connection.send(MSG.END, 1);
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(write).toHaveBeenCalledTimes(1);
    await until("both frames", () => peer.frames.length === 2);
  });

  test("in two turns is two writes: nothing is held back for the next turn", async () => {
    const { owned, peer } = await sockets.connection();
    const write = vi.spyOn(owned.socket, "write");
    owned.connection.sendChunk(1, "a");
    await turn();
    owned.connection.sendChunk(1, "b");
    await turn();
    expect(write).toHaveBeenCalledTimes(2);
    await until("both frames", () => peer.frames.length === 2);
  });

  test("leaves at once when flushed, and only once", async () => {
    const { owned, peer } = await sockets.connection();
    const write = vi.spyOn(owned.socket, "write");
    owned.connection.send(MSG.STARTED, 1);
    owned.connection.flush();
    expect(write).toHaveBeenCalledTimes(1);
    owned.connection.flush();
    await turn();
    expect(write).toHaveBeenCalledTimes(1);
    await until("the frame", () => peer.frames.length === 1);
  });

  test("before the socket is connected arrives once it is", async () => {
    const accepted = sockets.accepted();
    const owned = own(sockets.connecting());
    owned.connection.send(MSG.HELLO, 0, { token: "t" });
    owned.connection.flush();
    expect(owned.socket.connecting).toBe(true);
    const other = own(await accepted);
    await until("the frame", () => other.frames.length === 1);
    expect(other.frames).toEqual([{ type: MSG.HELLO, id: 0, payload: rawDict(["token", rawString("t")]) }]);
  });

  test("in many slabs arrives whole", async () => {
    const { owned, peer } = await sockets.connection();
    const large = "x".repeat(1_000_000);
    const sizes = [0, 10, 100_000, 3, 65_536, 200_000];
    for (const size of sizes) owned.connection.sendChunk(1, large.slice(0, size));
    await until("all frames", () => peer.frames.length === sizes.length);
    const expected = sizes.map((size) => chunk(1, large.slice(0, size)));
    expect(sameFrames(peer.frames, expected)).toBe(true);
  });

  test("says how large it is, and counts as backlog until the kernel has it", async () => {
    const { owned, peer } = await sockets.connection();
    expect(owned.connection.backlog).toBe(0);
    const size = owned.connection.sendChunk(1, "abc");
    expect(size).toBe(16 + 14 + 8);
    expect(owned.connection.backlog).toBe(size);
    await until("the frame", () => peer.frames.length === 1);
    await until("an empty backlog", () => owned.connection.backlog === 0);
  });

  test("to a peer that does not read counts as backlog until it does", async () => {
    const { owned, peer } = await sockets.connection({ reading: false });
    peer.socket.pause();
    owned.connection.sendChunk(1, "x".repeat(5_000_000));
    await turn();
    expect(owned.connection.backlog).toBeGreaterThan(1_000_000);
    peer.socket.resume();
    await until("an empty backlog", () => owned.connection.backlog === 0);
  });

  test.for(UNSENDABLE)("$name is an error of the sender, and the connection goes on", async ({ value }) => {
    const { owned, peer } = await sockets.connection();
    owned.connection.sendChunk(1, "before");
    expect(() => owned.connection.sendChunk(1, value)).toThrow(DirtyProtocolError);
    expect(() => owned.connection.send(MSG.RESPONSE, 1, { result: [1, value] })).toThrow(DirtyProtocolError);
    owned.connection.sendChunk(1, "after");
    await until("both frames", () => peer.frames.length === 2);
    expect(peer.frames).toEqual([chunk(1, "before"), chunk(1, "after")]);
    expect(owned.closings).toEqual([]);
  });
});

describe("room to send more", () => {
  test("is told in the next tick when nothing waits", async () => {
    const { owned } = await sockets.connection();
    const told = vi.fn();
    owned.connection.drained(told);
    expect(told).not.toHaveBeenCalled();
    await turn();
    expect(told).toHaveBeenCalledTimes(1);
  });

  test("is told only after a slow peer has read, also for what was sent in this turn", async () => {
    const { owned, peer } = await sockets.connection({ reading: false });
    peer.socket.pause();
    owned.connection.sendChunk(1, "x".repeat(5_000_000));
    const told = vi.fn();
    owned.connection.drained(told);
    for (let count = 0; count < 5; count++) await turn();
    expect(told).not.toHaveBeenCalled();
    peer.socket.resume();
    await until("the call", () => told.mock.calls.length > 0);
    expect(told).toHaveBeenCalledTimes(1);
  });

  test("is told to many streams of one connection, without a warning of Node's", async () => {
    const warned = vi.fn();
    process.on("warning", warned);
    try {
      const { owned, peer } = await sockets.connection({ reading: false });
      peer.socket.pause();
      owned.connection.sendChunk(1, "x".repeat(5_000_000));
      owned.connection.flush();
      let told = 0;
      for (let stream = 0; stream < 200; stream++) owned.connection.drained(() => told++);
      peer.socket.resume();
      await until("all calls", () => told === 200);
      await turn();
      expect(warned).not.toHaveBeenCalled();
      expect(owned.socket.listenerCount("drain")).toBeLessThanOrEqual(1);
      expect(owned.socket.listenerCount("close")).toBeLessThanOrEqual(3);
    } finally {
      process.off("warning", warned);
    }
  });

  test("is told when the peer goes away instead", async () => {
    const { owned, peer } = await sockets.connection({ reading: false });
    peer.socket.pause();
    owned.connection.sendChunk(1, "x".repeat(5_000_000));
    owned.connection.flush();
    const told = vi.fn();
    owned.connection.drained(told);
    peer.socket.destroy();
    await until("the call", () => told.mock.calls.length === 1);
    expect(owned.closings).toHaveLength(1);
    owned.connection.drained(told);
    await turn();
    expect(told).toHaveBeenCalledTimes(2);
  });
});

describe("what comes", () => {
  test("is read as frames, however it was split", async () => {
    const { owned, peer } = await sockets.connection();
    const frames = [
      chunk(1, "Hi"),
      { type: MSG.END, id: 2n ** 64n - 1n, payload: Buffer.alloc(0) },
      chunk(3, "é"),
    ];
    for (const byte of bytes(...frames)) {
      peer.socket.write(Buffer.of(byte));
      await turn();
    }
    await until("all frames", () => owned.frames.length === 3);
    expect(owned.frames).toEqual(frames);
  });

  test("before the peer's end is handled before the end is told", async () => {
    const order: string[] = [];
    const [near, far] = await sockets.pair();
    const { Connection } = await import("../../src/protocol/connection.ts");
    new Connection(near, {
      frame: () => order.push("frame"),
      closed: (error) => order.push(`closed ${error?.message}`),
    });
    const large = chunk(1, "x".repeat(300_000));
    far.end(bytes(large, large, { type: MSG.END, id: 1, payload: Buffer.alloc(0) }));
    await until("the end", () => order.some((entry) => entry.startsWith("closed")));
    expect(order).toEqual(["frame", "frame", "frame", "closed undefined"]);
  });

  test("waits while the connection is paused", async () => {
    const { owned, peer } = await sockets.connection();
    owned.connection.pause();
    peer.socket.write(bytes(chunk(1, "a")));
    for (let count = 0; count < 5; count++) await turn();
    expect(owned.frames).toEqual([]);
    owned.connection.resume();
    await until("the frame", () => owned.frames.length === 1);
  });

  test("is not handed on after the owner destroyed the connection in the midst of it", async () => {
    const { owned, peer } = await sockets.connection({
      frame: ({ connection }) => connection.destroy(),
    });
    peer.socket.write(bytes(chunk(1, "a"), chunk(1, "b"), chunk(1, "c")));
    await until("the end", () => owned.closings.length > 0);
    await turn();
    expect(owned.frames).toEqual([chunk(1, "a")]);
    expect(owned.closings).toEqual([undefined]);
  });
});

describe("bytes that break the rules", () => {
  const good = chunk(1, "good");
  const header = rawHeader(MSG.REQUEST, 7, 100);

  const broken: [name: string, bytes: Buffer][] = [
    ["bad magic", rawHeader(1, 1, 0, { magic: "GE" })],
    ["a wrong version", rawHeader(1, 1, 0, { version: 2 })],
    ["a length of 4 GiB", rawHeader(1, 1, 0xffff_ffff)],
    ["an HTTP request", Buffer.from("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["zeros", Buffer.alloc(100)],
    ["half a frame and the end", Buffer.concat([header, Buffer.alloc(50)])],
    ["half a header and the end", header.subarray(0, 9)],
  ];

  test.for(broken.slice(0, 5))("%s: the peer is told, and this connection ends, once", async ([, bad]) => {
    const { owned, peer } = await sockets.connection();
    peer.socket.write(Buffer.concat([bytes(good), bad, bytes(good)]));
    await until("the end", () => peer.ended && owned.closings.length > 0);
    for (let count = 0; count < 5; count++) await turn();
    expect(owned.frames).toEqual([good]);
    expect(peer.frames).toHaveLength(1);
    expect(errorOf(peer.frames[0])).toBe("DirtyProtocolError");
    expect(owned.closings).toHaveLength(1);
    expect(owned.closings[0]).toBeInstanceOf(DirtyProtocolError);
    expect(owned.connection.open).toBe(false);
  });

  test.for(broken.slice(5))("%s: this connection ends with an error, once", async ([, bad]) => {
    const { owned, peer } = await sockets.connection();
    peer.socket.end(bad);
    await until("the end", () => owned.closings.length > 0);
    await turn();
    expect(owned.frames).toEqual([]);
    expect(owned.closings).toHaveLength(1);
    expect(owned.closings[0]).toBeInstanceOf(DirtyProtocolError);
  });

  test.for<[string, Buffer]>([
    ["a cut value", rawString("abc").subarray(0, -1)],
    ["bytes behind the value", Buffer.concat([rawDict(), Buffer.of(0)])],
    ["an unknown type", Buffer.of(0x99)],
    [
      "1,000 nested lists",
      Buffer.concat(Array.from({ length: 1000 }, () => [Buffer.of(0x20), u32(1)]).flat()),
    ],
    ["a payload that is not a dict", rawList()],
    ["no payload", Buffer.alloc(0)],
  ])("a payload of %s: the peer is told, and this connection ends, once", async ([, payload]) => {
    const { owned, peer } = await sockets.connection({
      frame: (_, seen) => void readDict(seen.payload, 0, seen.payload.length),
    });
    peer.socket.write(Buffer.concat([bytes(good), rawFrame(MSG.REQUEST, 2, payload), bytes(good)]));
    await until("the end", () => peer.ended && owned.closings.length > 0);
    await turn();
    expect(owned.frames).toHaveLength(2);
    expect(peer.frames).toHaveLength(1);
    expect(errorOf(peer.frames[0])).toBe("DirtyProtocolError");
    expect(owned.closings).toHaveLength(1);
    expect(owned.closings[0]).toBeInstanceOf(DirtyProtocolError);
  });

  test("end that connection and no other", async () => {
    const first = await sockets.connection();
    const second = await sockets.connection();
    first.peer.socket.write(Buffer.alloc(64));
    await until("the end", () => first.owned.closings.length > 0);
    second.peer.socket.write(bytes(good));
    second.owned.connection.sendChunk(1, "still here");
    await until("both frames", () => second.owned.frames.length === 1 && second.peer.frames.length === 1);
    expect(second.owned.closings).toEqual([]);
  });

  test("are not read on: whatever else the peer sends is not even looked at", async () => {
    const push = vi.spyOn(FrameReader.prototype, "push");
    const { owned, peer } = await sockets.connection();
    const bad = Buffer.alloc(64);
    peer.socket.once("data", () => {
      // A good header, whose payload would be kept for as long as the peer cares to send it.
      peer.socket.write(rawHeader(MSG.REQUEST, 1, 60 * 1024 * 1024));
      peer.socket.write(Buffer.alloc(100_000));
    });
    peer.socket.write(bad);
    await until("the end", () => owned.closings.length > 0);
    // The peer's own reader, which is spied on as well, saw the error frame and nothing else.
    expect(push.mock.calls.filter(([read]) => read.readUInt16BE(0) !== 0x4744)).toEqual([[bad]]);
    expect(push).toHaveBeenCalledTimes(2);
    expect(owned.frames).toEqual([]);
  });

  test("a peer that never closes is closed after a while", async () => {
    const { owned, peer } = await sockets.connection({ reading: false });
    peer.socket.pause();
    peer.socket.write(Buffer.alloc(64));
    await until("the end", () => owned.closings.length > 0);
    expect(owned.socket.destroyed).toBe(true);
  });

  test("random bytes do no other harm", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 5 }),
        async (parts) => {
          const { owned, peer } = await sockets.connection({
            frame: (_, seen) => void readDict(seen.payload, 0, seen.payload.length),
          });
          for (const part of parts) peer.socket.write(part);
          peer.socket.end();
          await until("the end", () => owned.closings.length > 0);
          const [error] = owned.closings;
          expect(owned.closings).toHaveLength(1);
          if (parts.length > 0) expect(error).toBeInstanceOf(DirtyProtocolError);
          else expect(error).toBeUndefined();
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("an error for a request", () => {
  test("arrives by its name, with its details", async () => {
    const { owned, peer } = await sockets.connection();
    owned.connection.sendError(7, new DirtyTimeoutError("too long", { details: { timeout: 1 } }), {
      app: "a:A",
    });
    await until("the error", () => peer.frames.length === 1);
    const wire = {
      error_type: "DirtyTimeoutError",
      message: "too long",
      details: { app: "a:A", timeout: 1 },
    };
    expect(peer.frames).toEqual([{ type: MSG.ERROR, id: 7, payload: rawValue({ error: wire }) }]);
  });

  test.for(UNSENDABLE)("with $name in its details arrives without them", async ({ value }) => {
    const { owned, peer } = await sockets.connection();
    owned.connection.sendError(7, new DirtyTimeoutError("too long", { details: { value } }));
    await until("the error", () => peer.frames.length === 1);
    const wire = { error_type: "DirtyTimeoutError", message: "too long", details: {} };
    expect(peer.frames).toEqual([{ type: MSG.ERROR, id: 7, payload: rawValue({ error: wire }) }]);
  });
});

describe("an owner that throws", () => {
  test("ends the connection; the peer learns of a protocol error and nothing of the owner's insides", async () => {
    const { owned, peer } = await sockets.connection({
      frame: () => {
        throw new TypeError("Cannot read properties of undefined (reading 'secret')");
      },
    });
    peer.socket.write(bytes(chunk(1, "a"), chunk(1, "b")));
    await until("the end", () => peer.ended && owned.closings.length > 0);
    expect(owned.frames).toHaveLength(1);
    expect(owned.closings).toHaveLength(1);
    expect(owned.closings[0]).toBeInstanceOf(TypeError);
    expect(errorOf(peer.frames[0])).toBe("DirtyProtocolError");
    expect(peer.frames[0]?.payload.toString("latin1")).not.toContain("secret");
  });

  test("with something that cannot cross ends the connection all the same", async () => {
    const { owned, peer } = await sockets.connection({
      frame: () => {
        throw new DirtyProtocolError("broken", { details: { at: new Date() } });
      },
    });
    peer.socket.write(bytes(chunk(1, "a")));
    await until("the end", () => peer.ended && owned.closings.length > 0);
    expect(owned.closings).toHaveLength(1);
    expect(errorOf(peer.frames[0])).toBe("DirtyProtocolError");
  });
});

describe("closing", () => {
  test("sends what is left first", async () => {
    const { owned, peer } = await sockets.connection();
    owned.connection.sendChunk(1, "x".repeat(500_000));
    owned.connection.send(MSG.END, 1);
    owned.connection.close();
    await until("the end", () => peer.ended);
    expect(peer.frames.map(({ type }) => type)).toEqual([MSG.CHUNK, MSG.END]);
    peer.socket.end();
    await until("the close", () => owned.closings.length > 0);
    expect(owned.closings).toEqual([undefined]);
  });

  test("what is sent afterwards is dropped, and spoils neither what was sent before nor the reason", async () => {
    const { owned, peer } = await sockets.connection();
    owned.connection.sendChunk(1, "x".repeat(2_000_000));
    owned.connection.close();
    expect(owned.connection.open).toBe(false);
    owned.connection.send(MSG.END, 1);
    expect(owned.connection.sendChunk(1, "late")).toBe(0);
    owned.connection.flush();
    await turn();
    owned.connection.send(MSG.END, 2);
    await until("the end", () => peer.ended);
    peer.socket.end();
    await until("the close", () => owned.closings.length > 0);
    expect(sameFrames(peer.frames, [chunk(1, "x".repeat(2_000_000))])).toBe(true);
    expect(owned.closings).toEqual([undefined]);
  });

  test("because of a protocol error: other streams that still send do not spoil the reason", async () => {
    const { owned, peer } = await sockets.connection();
    peer.socket.write(Buffer.alloc(64));
    const sending = setInterval(() => owned.connection.sendChunk(2, "other stream"), 0);
    try {
      await until("the end", () => peer.ended && owned.closings.length > 0);
    } finally {
      clearInterval(sending);
    }
    expect(errorOf(peer.frames.at(-1))).toBe("DirtyProtocolError");
    expect(owned.closings).toHaveLength(1);
    expect(owned.closings[0]).toBeInstanceOf(DirtyProtocolError);
  });

  test("twice is closing once", async () => {
    const { owned, peer } = await sockets.connection();
    owned.connection.close();
    owned.connection.close();
    await until("the end", () => peer.ended);
    peer.socket.end();
    await until("the close", () => owned.closings.length > 0);
    owned.connection.close();
    owned.connection.destroy(new Error("late"));
    await turn();
    expect(owned.closings).toEqual([undefined]);
  });

  test("does not wait for ever for a peer that does not read", async () => {
    const { owned, peer } = await sockets.connection({ reading: false });
    peer.socket.pause();
    owned.connection.sendChunk(1, "x".repeat(5_000_000));
    owned.connection.close(20);
    await until("the close", () => owned.closings.length > 0);
    expect(owned.socket.destroyed).toBe(true);
  });

  test("at once tells its reason at once, and only once", async () => {
    const { owned, peer } = await sockets.connection();
    const reason = new Error("no longer needed");
    owned.connection.send(MSG.CANCEL, 1);
    owned.connection.destroy(reason);
    expect(owned.closings).toEqual([reason]);
    owned.connection.destroy(new Error("another"));
    owned.connection.send(MSG.CANCEL, 2);
    expect(owned.connection.sendChunk(1, "late")).toBe(0);
    await until("the end", () => peer.ended);
    expect(owned.closings).toEqual([reason]);
    expect(peer.frames.map(({ id }) => id)).toEqual([1]);
  });

  test("to a path where no process listens is told as an error, once", async () => {
    const { connect } = await import("node:net");
    const owned = own(connect("/nonexistent/tsunicorn-test"));
    owned.connection.send(MSG.HELLO, 0, {});
    await until("the close", () => owned.closings.length > 0);
    await turn();
    expect(owned.closings).toHaveLength(1);
    expect(owned.closings[0]).toMatchObject({ code: "ENOENT" });
  });

  test("by the peer, which had not read all: what it sent before is handled first", async () => {
    const { owned, peer } = await sockets.connection({ reading: false });
    peer.socket.pause();
    owned.connection.sendChunk(1, "never read");
    owned.connection.flush();
    await turn();
    peer.socket.write(bytes(chunk(1, "a"), { type: MSG.END, id: 1, payload: Buffer.alloc(0) }));
    peer.socket.destroy();
    await until("the close", () => owned.closings.length > 0);
    expect(owned.frames.map(({ type }) => type)).toEqual([MSG.CHUNK, MSG.END]);
    expect(owned.closings).toHaveLength(1);
  });

  test("by the peer while this side is paused is noticed by the next write", async () => {
    const { owned, peer } = await sockets.connection();
    owned.connection.pause();
    peer.socket.destroy();
    owned.connection.sendChunk(1, "to a peer that left");
    await until("the close", () => owned.closings.length > 0);
    expect(owned.closings[0]).toMatchObject({ code: "EPIPE" });
  });

  test("by the peer, just as this side writes: what the peer sent before is handled first", async () => {
    const { owned, peer } = await sockets.connection();
    peer.socket.write(bytes(chunk(1, "a"), { type: MSG.END, id: 1, payload: Buffer.alloc(0) }));
    peer.socket.destroy();
    // The peer is gone, but this side has not read so far: its write fails before its read has begun.
    owned.connection.send(MSG.CREDIT, 1, { bytes: 1 });
    owned.connection.flush();
    await until("the close", () => owned.closings.length > 0);
    expect(owned.frames.map(({ type }) => type)).toEqual([MSG.CHUNK, MSG.END]);
    expect(owned.closings).toHaveLength(1);
  });
});
