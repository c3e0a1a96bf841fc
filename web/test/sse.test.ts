import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_EVENT, type SseEvent, SseParser } from "../src/server/sse.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Feeds one stream in the given pieces. */
function parseEvents(...pieces: Uint8Array[]): SseEvent[] {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

/** The data of the events. */
function parse(...pieces: Uint8Array[]): string[] {
  return parseEvents(...pieces).map(({ data }) => data);
}

const STREAM = 'data: {"token": "Grüße"}\n\ndata: {"token": " 🦄"}\r\n\r\n: a comment\rdata:[DONE]\r\r';
const EVENTS = ['{"token": "Grüße"}', '{"token": " 🦄"}', "[DONE]"];

describe("reading Server-Sent Events", () => {
  it("reads events whose lines end in LF, CRLF or CR", () => {
    expect(parse(bytes(STREAM))).toEqual(EVENTS);
  });

  it("reads the same wherever the bytes are cut, also inside a character and between CR and LF", () => {
    const whole = bytes(STREAM);
    for (let cut = 0; cut <= whole.length; cut++) {
      expect(parse(whole.subarray(0, cut), whole.subarray(cut)), `cut at ${cut}`).toEqual(EVENTS);
    }
    expect(parse(...Array.from(whole, (_, index) => whole.subarray(index, index + 1)))).toEqual(EVENTS);
  });

  it("gives back any text that was sent, however it is cut", () => {
    const line = fc.string({ unit: "binary" }).map((text) => text.replace(/[\r\n]/g, ""));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), fc.array(fc.nat(200)), (lines, cuts) => {
        const whole = bytes(lines.map((text) => `data: ${text}\n\n`).join(""));
        const ends = [...new Set([...cuts.map((cut) => Math.min(cut, whole.length)), whole.length])].sort(
          (a, b) => a - b,
        );
        const pieces = ends.map((end, index) => whole.subarray(ends[index - 1] ?? 0, end));
        expect(parse(...pieces)).toEqual(lines);
      }),
    );
  });

  it("delivers an event with the bytes that complete it, not later", () => {
    const parser = new SseParser();
    expect(parser.push(bytes("data: a\n"))).toEqual([]);
    expect(parser.push(bytes("\n"))).toMatchObject([{ data: "a" }]);
    expect(parser.push(bytes("data: b\r\n\r"))).toMatchObject([{ data: "b" }]);
    expect(parser.push(bytes("\n"))).toEqual([]);
  });

  it("joins several data lines, takes off one space only, and knows a field without a value", () => {
    expect(parse(bytes("data:  a\ndata:b\n\ndata\n\n"))).toEqual([" a\nb", ""]);
  });

  it("reads over comments, other fields and fields that only look like data", () => {
    expect(parse(bytes(": x\nevent: y\nid: 1\nretry: 5\ndatax: z\n data: z\n\n\n\n"))).toEqual([]);
  });

  it("gives each event its own name and id, and none to the next", () => {
    const stream = "event: queued\ndata: 1\n\nid: 7\ndata: 2\n\ndata: 3\n\nid: 8\nevent: x\n\ndata: 4\n\n";
    expect(parseEvents(bytes(stream))).toEqual([
      { event: "queued", id: undefined, data: "1" },
      { event: "message", id: "7", data: "2" },
      { event: "message", id: undefined, data: "3" },
      { event: "message", id: undefined, data: "4" },
    ]);
  });

  it("drops an event that the end of the stream cuts off", () => {
    expect(parse(bytes("data: a\n\ndata: b\n"))).toEqual(["a"]);
  });

  it("takes no byte order mark for text", () => {
    expect(parse(new Uint8Array([0xef, 0xbb, 0xbf]), bytes("data: a\n\n"))).toEqual(["a"]);
  });

  it("refuses an event without an end instead of filling the memory", () => {
    const parser = new SseParser();
    parser.push(bytes("data: "));
    const piece = bytes("x".repeat(64 * 1024));
    expect(() => {
      for (let sent = 0; sent <= MAX_EVENT; sent += piece.length) parser.push(piece);
    }).toThrow(RangeError);
    const lines = new SseParser();
    const many = bytes(`data: ${"x".repeat(1000)}\n`.repeat(100));
    expect(() => {
      for (let sent = 0; sent <= MAX_EVENT; sent += 100_000) lines.push(many);
    }).toThrow(RangeError);
  });
});
