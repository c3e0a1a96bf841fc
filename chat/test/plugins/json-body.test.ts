import { brotliCompressSync, gzipSync } from "node:zlib";
import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { BodyRoom } from "../../src/plugins/body-room.ts";
import { jsonBody } from "../../src/plugins/json-body.ts";
import { UnreadableBody } from "../../src/schemas/bad-input.ts";
import { MAX_KEYS, MAX_VALUES } from "../../src/schemas/json-size.ts";

const MIB = 1024 * 1024;

let app: FastifyInstance;

beforeAll(async () => {
  app = Fastify({ bodyLimit: 16 * MIB });
  jsonBody(app, new BodyRoom(64 * MIB));
  app.post("/", async ({ body }) => (body instanceof UnreadableBody ? { fault: body.fault } : { body }));
  await app.ready();
});

afterEach(() => {
  vi.restoreAllMocks();
});

async function send(payload: string | Buffer, headers: Record<string, string> = {}) {
  const { statusCode, body } = await app.inject({
    method: "POST",
    url: "/",
    payload,
    headers: { "content-type": "application/json", ...headers },
  });
  return { status: statusCode, answer: JSON.parse(body) };
}

describe("a body is read", () => {
  it.each(["application/json", "Application/JSON ; charset=utf-8", "application/vnd.api+json"])(
    "as %s",
    async (type) => {
      const { answer } = await send("[1]", { "content-type": type });
      expect(answer).toEqual({ body: [1] });
    },
  );

  it("with a byte order mark in front", async () => {
    expect((await send('\ufeff{"a": "\ufeff"}')).answer).toEqual({ body: { a: "\ufeff" } });
    expect((await send("\ufeff")).answer).toEqual({ body: null });
  });

  it("with the content encoding that changes nothing", async () => {
    expect((await send("[1]", { "content-encoding": "identity" })).status).toBe(200);
  });

  it.each(["a", "é", "漢", "😀", "\\n", "\\u6f22"])("also where it has 2 MiB of %j", async (text) => {
    const sent = `{"a":"${text.repeat((2 * MIB) / text.length)}"}`;
    expect((await send(sent)).answer).toEqual({ body: JSON.parse(sent) });
  });
});

describe("a body is refused before it is read", () => {
  it.each([
    ["gzip", gzipSync("[1]")],
    ["br", brotliCompressSync("[1]")],
    ["deflate", Buffer.from("[1]")],
    ["zstd", Buffer.from("[1]")],
    ["identity, gzip", Buffer.from("[1]")],
    ["what is this", Buffer.from("[1]")],
  ])("with the content encoding %s", async (encoding, payload) => {
    const parse = vi.spyOn(JSON, "parse");
    const { statusCode, body } = await app.inject({
      method: "POST",
      url: "/",
      payload,
      headers: { "content-type": "application/json", "content-encoding": encoding },
    });
    expect(parse).not.toHaveBeenCalled();
    expect(statusCode).toBe(415);
    expect(body).toContain(`content encoding \\"${encoding}\\"`);
  });

  it.each([
    "text/plain",
    "text/plain; application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "json",
    ";;",
  ])("as %s", async (type) => {
    const { status, answer } = await send('{"prompt": "hi"}', { "content-type": type });
    expect(status).toBe(415);
    expect(answer.message).toContain(JSON.stringify(type));
  });
});

describe("a body that cannot be read says why", () => {
  it.each([
    ["not UTF-8", Buffer.from('{"a": "\xff"}', "latin1")],
    ["UTF-16", Buffer.from('{"a": 1}', "utf16le")],
    ["UTF-16 with its mark", Buffer.from('\ufeff{"a": 1}', "utf16le")],
    ["UTF-16, big end first", Buffer.from('{"a": 1}', "utf16le").swap16()],
    ["large and not UTF-8", Buffer.concat([Buffer.alloc(MIB, " "), Buffer.from([0xc3])])],
  ])("%s", async (_name, payload) => {
    expect((await send(payload)).answer.fault).toMatchObject({ loc: ["body"], type: "string_unicode" });
  });

  it.each([
    ["a comma too many", "[1,]", 3],
    ["something behind much white space", `${" ".repeat(MIB)}x`, MIB],
    ["a long text without its end", `"${"a".repeat(16 * MIB - 2)}`, 0],
    ["many escapes without an end", `"${"\\n".repeat(8 * MIB - 2)}`, 0],
    ["a fault behind a long text", `{"a":"${"é".repeat(MIB)}" 1}`, MIB + 8],
  ])("no JSON: %s", async (_name, text, position) => {
    const { answer } = await send(text);
    expect(answer.fault).toMatchObject({ loc: ["body", position], type: "json_invalid" });
  });
});

describe("a body with more values than are read is refused without reading them:", () => {
  const CASES: readonly (readonly [name: string, item: string])[] = [
    ["numbers", "1,"],
    ["empty lists", "[],"],
    ["lists without an end", "["],
    ["objects without an end", '{"a":'],
    ["keys", '"a":1,'],
    ["texts", '"",'],
  ];
  it.each(CASES)("%s", async (_name, item) => {
    const parse = vi.spyOn(JSON, "parse");
    const text = item.repeat((16 * MIB) / item.length);
    const { payload } = await app.inject({
      method: "POST",
      url: "/",
      payload: text,
      headers: { "content-type": "application/json" },
    });
    expect(parse).not.toHaveBeenCalled();
    expect(payload).toContain('"type":"too_many_values"');
  });

  it("and one of as many as are read is read", async () => {
    const most = JSON.stringify(Array(MAX_VALUES - 1).fill(1));
    expect((await send(most)).answer.body).toHaveLength(MAX_VALUES - 1);
    expect((await send(most.replace("1", "1,1"))).answer.fault).toMatchObject({ type: "too_many_values" });
    const keys = JSON.stringify(
      Object.fromEntries(Array.from({ length: MAX_KEYS }, (_, at) => [`k${at}`, 1])),
    );
    expect(Object.keys((await send(keys)).answer.body)).toHaveLength(MAX_KEYS);
    expect((await send(keys.replace("{", '{"more":1,'))).answer.fault).toMatchObject({
      type: "too_many_values",
    });
  });
});

it("while large bodies are read, the event loop turns", async () => {
  const body = `{"a":"${"é".repeat(2 * MIB)}"}`;
  let turns = 0;
  let done = false;
  const turn = () => {
    turns++;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  await Promise.all(Array.from({ length: 5 }, () => send(body)));
  done = true;
  // Each of the five has five MiB to count, and a few steps more.
  expect(turns).toBeGreaterThanOrEqual(25);
});
