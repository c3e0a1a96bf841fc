import { describe, expect, test } from "vitest";
import { ResponseReader } from "../load/response-reader.mjs";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function token(text: string): string {
  return `data: {"token": ${JSON.stringify(text)}}\n\n`;
}

/** Reads an answer in pieces, each in memory that is used again for the next. */
function read(answer: string, ...cuts: number[]): ResponseReader {
  const reader = new ResponseReader();
  const bytes = Buffer.from(answer);
  const shared = Buffer.alloc(bytes.length);
  const ends = [...cuts, bytes.length];
  let from = 0;
  for (const end of ends) {
    bytes.copy(shared, 0, from, end);
    reader.push(shared, end - from);
    from = end;
  }
  return reader;
}

const GOOD = `${HEAD}${chunk(token("Hello"))}${chunk(token('data: {"t') + token("d"))}${chunk("data: [DONE]\n\n")}0\r\n\r\n`;

describe("a whole stream", () => {
  test("its tokens and its end are counted wherever the reads cut it", () => {
    for (let cut = 0; cut <= GOOD.length; cut++) {
      const reader = read(GOOD, cut);
      expect({ ...reader }, `cut at ${cut}`).toEqual({
        status: 200,
        tokens: 3,
        errors: 0,
        done: true,
        ended: true,
        problem: "",
      });
    }
  });

  test("byte by byte", () => {
    const everywhere = Array.from({ length: GOOD.length - 1 }, (_, index) => index + 1);
    expect({ ...read(GOOD, ...everywhere) }).toMatchObject({
      tokens: 3,
      done: true,
      ended: true,
      problem: "",
    });
  });

  test("an event that two chunks share is one event", () => {
    const event = token("word");
    const answer = `${HEAD}${chunk(event.slice(0, 4))}${chunk(event.slice(4, 7))}${chunk(event.slice(7))}0\r\n\r\n`;
    expect({ ...read(answer) }).toMatchObject({ tokens: 1, errors: 0, ended: true });
  });

  test("chunk extensions and trailers are passed over", () => {
    const answer = `${HEAD}5;name=value\r\nhello\r\n0\r\nx-trailer: abc\r\n\r\n`;
    expect({ ...read(answer) }).toMatchObject({ ended: true, problem: "" });
  });

  test("the next answer on the connection starts from nothing", () => {
    const reader = read(GOOD);
    reader.reset();
    reader.push(Buffer.from(GOOD), GOOD.length);
    expect({ ...reader }).toMatchObject({ tokens: 3, done: true, ended: true, problem: "" });
  });
});

describe("a plain answer", () => {
  test("ends with its content-length", () => {
    const answer = "HTTP/1.1 503 Busy\r\ncontent-length: 5\r\n\r\nhello";
    expect({ ...read(answer, 30, 40) }).toMatchObject({ status: 503, ended: true, problem: "" });
    expect({ ...read(answer.slice(0, -1)) }).toMatchObject({ ended: false, problem: "" });
  });
});

describe("what is wrong is seen", () => {
  const wrong: [string, string, object][] = [
    [
      "an error event",
      `${HEAD}${chunk('data: {"error":{"type":"x"}}\n\n')}0\r\n\r\n`,
      { errors: 1, tokens: 0 },
    ],
    ["an event that is not JSON", `${HEAD}${chunk("data: hello\n\n")}0\r\n\r\n`, { errors: 1, tokens: 0 }],
    [
      "a line that is not data",
      `${HEAD}${chunk(`: comment\n${token("x")}`)}0\r\n\r\n`,
      { errors: 1, tokens: 1 },
    ],
    ["a token after the end", `${HEAD}${chunk(`data: [DONE]\n\n${token("x")}`)}0\r\n\r\n`, { done: false }],
    ["no end", `${HEAD}${chunk(token("x"))}`, { ended: false }],
    [
      "a chunk that is longer than it says",
      `${HEAD}2\r\nhello\r\n`,
      { problem: "chunk longer than its size" },
    ],
    ["a chunk size that is not a number", `${HEAD}zz\r\nhello\r\n`, { problem: "bad chunk size" }],
    ["a chunk without a size", `${HEAD}\r\n`, { problem: "chunk without a size" }],
    ["bytes after the end", `${GOOD}HTTP/1.1`, { problem: "bytes after the end" }],
    ["no framing", "HTTP/1.1 200 OK\r\n\r\n", { problem: "neither chunked nor content-length" }],
    ["no HTTP", "hello\r\n\r\n", { problem: "no status line" }],
    ["a head without end", "x".repeat(20_000), { problem: "head too long" }],
  ];
  test.each(wrong)("%s", (_, answer, expected) => {
    expect({ ...read(answer) }).toMatchObject(expected);
  });
});
