import { describe, expect, it } from "vitest";
import { eventsOf } from "../../../src/models/openai/event-stream.ts";

async function dataOf(...parts: readonly (string | Uint8Array)[]): Promise<string[]> {
  const data: string[] = [];
  for await (const events of eventsOf(asStream(parts))) data.push(...events.map((event) => event.data));
  return data;
}

async function* asStream(parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

describe("the events of an upstream's answer", () => {
  it.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ])("are read with %s at the end of a line, wherever the bytes are cut", async (_name, newline) => {
    const lines = [
      ": hi",
      "",
      'data: {"a":"é🦄"}',
      "",
      "event: x",
      "data:one",
      "data: two",
      "",
      "",
      "id: 1",
      "",
      "data:",
      "",
      "",
    ];
    const bytes = Buffer.from(`\ufeff${lines.join("\n")}`.replaceAll("\n", newline));
    for (let size = 1; size <= bytes.length; size++) {
      const parts: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
      expect(await dataOf(...parts)).toEqual(['{"a":"é🦄"}', "one\ntwo", ""]);
    }
  });

  it("are said to be cut where the stream ends in one", async () => {
    const events = [];
    for await (const batch of eventsOf(asStream(["data: a\n\ndata: b"]))) events.push(...batch);
    expect(events).toMatchObject([{ data: "a" }, { data: "b", isCut: true }]);
  });

  it("are one where the answer is one JSON document", async () => {
    expect(await dataOf("\ufeff\n ", '{"choices":', "\n\n[]}")).toEqual(['{"choices":\n\n[]}', "[DONE]"]);
  });

  it.each([
    ["a line", "x", ""],
    ["a data line", "x", "data: "],
    ["data lines without an empty line", `data: ${"x".repeat(1000)}\n`, ""],
    ["empty data lines", "data:\n", ""],
    ["a document", " ", "{"],
  ])("that are %s without an end do not fill the memory", async (_what, piece, begin) => {
    const part = piece.repeat(Math.ceil((64 * 1024) / piece.length));
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(begin);
      for (let sent = 0; sent < 64 * 1024 * 1024; sent += part.length) yield Buffer.from(part);
    }
    const reading = (async () => {
      for await (const _events of eventsOf(endless()));
    })();
    await expect(reading).rejects.toMatchObject({
      reason: "upstream_failed",
      message: expect.stringMatching(/more than 4194304 characters, which is not kept/),
    });
  });
});
