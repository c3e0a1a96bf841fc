import { describe, expect, test } from "vitest";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import { FrameWriter } from "../../src/protocol/frame-writer.ts";
import { checkHeader, MAX_PAYLOAD } from "../../src/protocol/header.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { MAX_BYTES, MAX_DEPTH, MAX_ITEMS } from "../../src/protocol/tlv.ts";
import { decodeTlv } from "../../src/protocol/tlv-reader.ts";
import { encodeTlv } from "../../src/protocol/tlv-writer.ts";
import { collector, rawFrame, rawHeader, rawInt, rawList, rawString, rawValue, u32 } from "./bytes.ts";

const MIB = 1024 * 1024;

/** Bytes that all buffers of this process take up more after `work` than before, while nothing is freed. */
function reserved(work: () => void): number {
  const before = process.memoryUsage().arrayBuffers;
  work();
  return process.memoryUsage().arrayBuffers - before;
}

function refused(work: () => unknown): void {
  expect(work).toThrow(DirtyProtocolError);
}

test("the limits are those of the wire's description", () => {
  expect([MAX_PAYLOAD, MAX_BYTES, MAX_ITEMS, MAX_DEPTH]).toEqual([64 * MIB, 64 * MIB, 1_048_576, 64]);
});

describe("lengths that lie are refused before memory is reserved for them", () => {
  const lies: [name: string, bytes: Buffer][] = [
    ["a string of 64 MiB", Buffer.concat([Buffer.of(0x11), u32(64 * MIB), Buffer.from("abc")])],
    ["a string of 64 MiB + 1", Buffer.concat([Buffer.of(0x11), u32(64 * MIB + 1), Buffer.from("abc")])],
    ["a string of 4 GiB", Buffer.concat([Buffer.of(0x11), u32(0xffff_ffff), Buffer.from("abc")])],
    ["bytes of 64 MiB", Buffer.concat([Buffer.of(0x10), u32(64 * MIB), Buffer.from("abc")])],
    ["bytes of 64 MiB + 1", Buffer.concat([Buffer.of(0x10), u32(64 * MIB + 1), Buffer.from("abc")])],
    ["bytes of 4 GiB", Buffer.concat([Buffer.of(0x10), u32(0xffff_ffff), Buffer.from("abc")])],
    ["a list of 1,048,576 items", Buffer.concat([Buffer.of(0x20), u32(MAX_ITEMS), Buffer.of(0)])],
    ["a list of 1,048,577 items", Buffer.concat([Buffer.of(0x20), u32(MAX_ITEMS + 1), Buffer.of(0)])],
    [
      "a dict of 1,048,576 items",
      Buffer.concat([Buffer.of(0x21), u32(MAX_ITEMS), rawString("a"), Buffer.of(0)]),
    ],
    [
      "a dict of 4 billion items",
      Buffer.concat([Buffer.of(0x21), u32(0xffff_ffff), rawString("a"), Buffer.of(0)]),
    ],
  ];

  test.for(lies)("%s", ([, bytes]) => {
    const heap = process.memoryUsage().heapUsed;
    expect(reserved(() => refused(() => decodeTlv(bytes)))).toBeLessThan(MIB);
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(4 * MIB);
  });

  test.for([64 * MIB + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])("a frame of %i bytes", (length) => {
    const header = rawHeader(MSG.CHUNK, 1, length);
    expect(
      reserved(() => {
        refused(() => checkHeader(header, 0));
        refused(() => collector().reader.push(Buffer.concat([header, Buffer.from("abc")])));
      }),
    ).toBeLessThan(MIB);
  });

  test("a frame that announces 64 MiB gets memory only as its bytes come", () => {
    const { reader, seen } = collector();
    const first = Buffer.concat([rawHeader(MSG.CHUNK, 1, 64 * MIB), Buffer.alloc(1000)]);
    const more = Buffer.alloc(MIB);
    expect(reserved(() => reader.push(first))).toBeLessThan(MIB);
    expect(
      reserved(() => {
        for (let count = 0; count < 4; count++) reader.push(more);
      }),
      // Doubling leaves the smaller pieces to the collector: 2 + 4 + 8 + 16 MiB at the very most.
    ).toBeLessThan(32 * MIB);
    expect(seen).toEqual([]);
    refused(() => reader.end());
  });
});

describe("what is as large as it may be crosses, and no more", () => {
  test("a string of 64 MiB", () => {
    const text = "x".repeat(64 * MIB);
    expect(decodeTlv(encodeTlv(text)) === text).toBe(true);
    refused(() => encodeTlv(`${text}x`));
  });

  test("a string counts by its bytes, not by its characters", () => {
    refused(() => encodeTlv("é".repeat(32 * MIB + 1)));
  });

  test("64 MiB of bytes", () => {
    const bytes = Buffer.alloc(64 * MIB, 0xab);
    expect(bytes.equals(decodeTlv(encodeTlv(bytes)) as Buffer)).toBe(true);
    refused(() => encodeTlv(Buffer.alloc(64 * MIB + 1)));
  });

  test("a list of 1,048,576 items", () => {
    const read = decodeTlv(
      Buffer.concat([Buffer.of(0x20), u32(MAX_ITEMS), Buffer.alloc(MAX_ITEMS)]),
    ) as unknown[];
    expect(read).toHaveLength(MAX_ITEMS);
    expect(encodeTlv(read)).toHaveLength(5 + MAX_ITEMS);
    refused(() => encodeTlv([...read, null]));
    refused(() =>
      decodeTlv(Buffer.concat([Buffer.of(0x20), u32(MAX_ITEMS + 1), Buffer.alloc(MAX_ITEMS + 1)])),
    );
  });

  test("a dict of 1,048,577 items is refused, though every item is there", () => {
    const item = Buffer.concat([rawString("a"), Buffer.of(0)]);
    const items = Buffer.concat(Array.from({ length: 1024 }, () => item));
    const body = Buffer.concat([...Array.from({ length: 1024 }, () => items), item]);
    refused(() => decodeTlv(Buffer.concat([Buffer.of(0x21), u32(MAX_ITEMS + 1), body])));
    expect(decodeTlv(Buffer.concat([Buffer.of(0x21), u32(MAX_ITEMS), body.subarray(item.length)]))).toEqual({
      a: null,
    });
  });

  test("64 lists inside one another", () => {
    expect(() => decodeTlv(lists(64))).not.toThrow();
    refused(() => decodeTlv(lists(65)));
  });

  test("64 dicts inside one another", () => {
    expect(() => decodeTlv(dicts(64))).not.toThrow();
    refused(() => decodeTlv(dicts(65)));
  });

  test("a plain value at the 65th place does not count as a level", () => {
    const innermost = Buffer.concat([lists(63), Buffer.alloc(0)]);
    const withItem = Buffer.concat([innermost.subarray(0, -1), Buffer.of(1), rawList(rawInt(1n))]);
    expect(() => decodeTlv(withItem)).not.toThrow();
  });

  test.for([1000, 100_000, 1_000_000])(
    "%i lists inside one another are refused, and the stack stands",
    (levels) => {
      refused(() => decodeTlv(lists(levels)));
    },
  );
});

describe("a frame that grows too large while it is written", () => {
  const half = Buffer.alloc(33 * MIB);

  test("is refused, and the frames around it are sent", () => {
    const writer = new FrameWriter();
    writer.frame(MSG.RESPONSE, 1, { result: "before" });
    refused(() => writer.frame(MSG.RESPONSE, 2, { result: [half, half] }));
    refused(() => writer.chunk(MSG.CHUNK, 3, [half, half]));
    writer.frame(MSG.RESPONSE, 4, { result: "after" });
    expect(Buffer.concat(writer.take())).toEqual(
      Buffer.concat([
        rawFrame(MSG.RESPONSE, 1, rawValue({ result: "before" })),
        rawFrame(MSG.RESPONSE, 4, rawValue({ result: "after" })),
      ]),
    );
  });

  test("is refused soon after 64 MiB, however large it would become", () => {
    const writer = new FrameWriter();
    const huge = { result: Array.from({ length: 1000 }, () => half) };
    expect(reserved(() => refused(() => writer.frame(MSG.RESPONSE, 1, huge)))).toBeLessThan(256 * MIB);
  });

  test("is refused also when small parts make it up, each used many times", () => {
    let value: unknown = "0123456789abcdef";
    for (let level = 0; level < 40; level++) value = [value, value];
    const writer = new FrameWriter();
    refused(() => writer.frame(MSG.RESPONSE, 1, { result: value }));
    expect(writer.size).toBe(0);
  });

  test("a payload of exactly 64 MiB is sent", () => {
    const writer = new FrameWriter();
    // 14 bytes for the dict and its key, 5 for the bytes' own head.
    const size = writer.chunk(MSG.CHUNK, 1, Buffer.alloc(64 * MIB - 19));
    expect(size).toBe(16 + 64 * MIB);
    const { reader, seen } = collector();
    for (const part of writer.take()) reader.push(part);
    expect(seen[0]?.payload).toHaveLength(64 * MIB);
    refused(() => writer.chunk(MSG.CHUNK, 1, Buffer.alloc(64 * MIB - 18)));
  });
});

function lists(levels: number): Buffer {
  const outer = Buffer.alloc(5 * (levels - 1));
  for (let at = 0; at < outer.length; at += 5) {
    outer[at] = 0x20;
    outer[at + 4] = 1;
  }
  return Buffer.concat([outer, Buffer.of(0x20, 0, 0, 0, 0)]);
}

function dicts(levels: number): Buffer {
  const outer = Array.from({ length: levels - 1 }, () => [Buffer.of(0x21), u32(1), rawString("a")]).flat();
  return Buffer.concat([...outer, Buffer.of(0x21), u32(0)]);
}
