import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerTo } from "../../src/models/answers.ts";
import { exchange, post, textOf } from "./http-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

const MIB = 1024 * 1024;
const GREETING = answerTo("hello").join("");

let chat: Chat;

beforeAll(async () => {
  chat = await startChat({ env: { CHAT_TOKEN_DELAY_MS: "0" }, args: ["--request-timeout", "1"] });
});

afterAll(async () => {
  await chat.stop();
});

/** Whatever happened before, the next request is served. */
async function expectItStillAnswers(): Promise<void> {
  const { status, text } = await post(`${chat.url}/chat`, { prompt: "hello" });
  expect(status).toBe(200);
  expect(textOf(text)).toBe(GREETING);
}

interface Fault {
  loc: (string | number)[];
  type: string;
}

const TOO_MANY_VALUES = { loc: ["body"], type: "too_many_values" };
const UNKNOWN_TYPE = { loc: ["body"], type: "model_attributes_type" };
const MISSING_PROMPT = { loc: ["body", "prompt"], type: "missing" };
const NO_STRING = { loc: ["body", "prompt"], type: "string_type" };
const NO_BOOLEAN = { loc: ["body", "thinking"], type: "bool_type" };

const FIRST_MESSAGE = ["body", "messages", 0];

function asked(messages: unknown): object {
  return { prompt: "hi", messages };
}

const BAD_BODIES: [name: string, body: unknown, ...faults: Fault[]][] = [
  ["malformed JSON", '{"prompt": }', { loc: ["body", 11], type: "json_invalid" }],
  ["JSON that ends too early", '{"prompt": "hel', { loc: ["body", 11], type: "json_invalid" }],
  ["a word", "hello", { loc: ["body", 0], type: "json_invalid" }],
  ["a megabyte of brackets", "[".repeat(MIB), TOO_MANY_VALUES],
  ["brackets without an end", "[".repeat(10_000), { loc: ["body", 10_000], type: "json_invalid" }],
  ["no body", undefined, { loc: ["body"], type: "missing" }],
  ["an empty body", "", { loc: ["body"], type: "missing" }],
  ["null", "null", { loc: ["body"], type: "missing" }],
  ["a list", [], UNKNOWN_TYPE],
  ["a string", '"hello"', UNKNOWN_TYPE],
  ["a number", "1e3", UNKNOWN_TYPE],
  ["20,000 nested lists", `${"[".repeat(20_000)}${"]".repeat(20_000)}`, UNKNOWN_TYPE],
  ["an empty object", {}, MISSING_PROMPT],
  ["a prompt by inheritance", '{"__proto__": {"prompt": "hello"}}', MISSING_PROMPT],
  ["a prompt that is null", { prompt: null }, NO_STRING],
  ["a prompt that is a number", { prompt: 1 }, NO_STRING],
  ["a prompt that is a list", { prompt: ["hello"] }, NO_STRING],
  ["a prompt that is an object", { prompt: { toString: "x" } }, NO_STRING],
  ["an empty prompt", { prompt: "" }, { loc: ["body", "prompt"], type: "string_too_short" }],
  [
    "a prompt that is too long",
    { prompt: "a".repeat(100_001) },
    { loc: ["body", "prompt"], type: "string_too_long" },
  ],
  [
    "a prompt with half a character",
    '{"prompt": "\\ud83d"}',
    { loc: ["body", "prompt"], type: "string_unicode" },
  ],
  ["thinking that is a string", { prompt: "hi", thinking: "true" }, NO_BOOLEAN],
  ["thinking that is a number", { prompt: "hi", thinking: 1 }, NO_BOOLEAN],
  ["thinking that is null", { prompt: "hi", thinking: null }, NO_BOOLEAN],
  ["a history that is null", asked(null), { loc: ["body", "messages"], type: "list_type" }],
  ["a history that is an object", asked({}), { loc: ["body", "messages"], type: "list_type" }],
  [
    "a message that is a string",
    asked(["hi"]),
    { loc: ["body", "messages", 0], type: "model_attributes_type" },
  ],
  [
    "a message without a role",
    asked([{ content: "" }]),
    { loc: [...FIRST_MESSAGE, "role"], type: "missing" },
  ],
  [
    "a message of an unknown role",
    asked([{ role: "robot", content: "" }]),
    { loc: [...FIRST_MESSAGE, "role"], type: "literal_error" },
  ],
  [
    "a message that says nothing",
    asked([{ role: "user" }, { role: "user", content: null }]),
    { loc: [...FIRST_MESSAGE, "content"], type: "missing" },
  ],
  [
    "a message that says null",
    asked([{ role: "user", content: null }]),
    { loc: [...FIRST_MESSAGE, "content"], type: "string_type" },
  ],
  [
    "a message that is too long",
    asked([{ role: "user", content: "a".repeat(100_001) }]),
    { loc: [...FIRST_MESSAGE, "content"], type: "string_too_long" },
  ],
  [
    "a message with half a character",
    '{"prompt": "hi", "messages": [{"role": "user", "content": "\\ud83d"}]}',
    { loc: [...FIRST_MESSAGE, "content"], type: "string_unicode" },
  ],
  [
    "too many messages",
    asked(Array(201).fill({ role: "user", content: "hi" })),
    { loc: ["body", "messages"], type: "too_long" },
  ],
  ["half a million wrong messages", asked(Array(500_000).fill(1)), TOO_MANY_VALUES],
  ["an unknown model", { prompt: "hi", model: "gpt-9" }, { loc: ["body", "model"], type: "literal_error" }],
  ["a model that is null", { prompt: "hi", model: null }, { loc: ["body", "model"], type: "literal_error" }],
  ["two faults", { thinking: "x" }, MISSING_PROMPT, NO_BOOLEAN],
];

describe.each(["/chat", "/chat/sync"])("bad input on %s is told to the client, and forgotten:", (path) => {
  it.each(BAD_BODIES)("%s", async (_name, body, ...faults) => {
    const { status, headers, text } = await post(chat.url + path, body);
    expect(status).toBe(422);
    expect(headers.get("content-type")).toMatch(/^application\/json/);
    const { detail } = JSON.parse(text);
    expect(detail).toMatchObject(faults);
    for (const { msg } of detail) expect(msg).toMatch(/^[A-Z]/);
    await expectItStillAnswers();
  });

  it.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "json",
    ";;",
  ])("the content type %j", async (type) => {
    const { status, text } = await post(chat.url + path, { prompt: "hello" }, { "content-type": type });
    expect(status).toBe(415);
    const detail = `The request body was sent as ${JSON.stringify(type)}. Send it as application/json.`;
    expect(JSON.parse(text)).toEqual({ detail });
    await expectItStillAnswers();
  });

  it.each([
    ["bytes that are not UTF-8", '{"prompt": "\xff\xfe"}'],
    ["a UTF-8 sequence that is cut", '{"prompt": "\xe2\x82"}'],
    ["UTF-16", Buffer.from('{"prompt": "hi"}', "utf16le").toString("latin1")],
  ])("%s", async (_name, bytes) => {
    const { status, text } = await post(chat.url + path, Buffer.from(bytes, "latin1"));
    expect(status).toBe(400);
    expect(JSON.parse(text).detail).toMatchObject([{ loc: ["body"], type: "string_unicode" }]);
    await expectItStillAnswers();
  });

  it.each(["gzip", "br", "zstd", "gzip, identity"])("the content encoding %s", async (encoding) => {
    const { status, text } = await post(
      chat.url + path,
      { prompt: "hello" },
      { "content-encoding": encoding },
    );
    expect(status).toBe(415);
    expect(JSON.parse(text).detail).toContain(`has the content encoding "${encoding}"`);
    await expectItStillAnswers();
  });

  it("no content type", async () => {
    const body = '{"prompt": "hello"}';
    const answer = await exchange(
      chat.url,
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 415 /);
    expect(answer).toContain("was sent without a content type");
    await expectItStillAnswers();
  });

  it("a body over 1 MiB, and not one of exactly 1 MiB", async () => {
    const full = `{"prompt": "hello"}${" ".repeat(MIB)}`.slice(0, MIB);
    expect((await post(chat.url + path, full)).status).toBe(200);
    const { status, text } = await post(chat.url + path, `${full} `);
    expect(status).toBe(413);
    expect(JSON.parse(text)).toEqual({ detail: "Request body is larger than 1 MiB" });
    await expectItStillAnswers();
  });

  it("a body of 20 MB, all of which the client sends before it reads the answer", async () => {
    const { status, text } = await post(chat.url + path, Buffer.alloc(20 * MIB, " "));
    expect(status).toBe(413);
    expect(JSON.parse(text)).toEqual({ detail: "Request body is larger than 1 MiB" });
    await expectItStillAnswers();
  });

  it("a body over 1 MiB that does not say so", async () => {
    const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
    const answer = await exchange(
      chat.url,
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(20)}0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    await expectItStillAnswers();
  });

  it.each(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])("the method %s", async (method) => {
    const response = await fetch(chat.url + path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
    expect(await response.text()).toBe(method === "HEAD" ? "" : '{"detail":"Method Not Allowed"}');
    await expectItStillAnswers();
  });
});

describe("what is wrong with resuming is told to the client, and forgotten:", () => {
  const NO_STREAM = "str_AAAAAAAAAAAAAAAAAAAAAA";

  it.each([true, 1, "false", null])("resumable %j for an answer in one piece", async (resumable) => {
    const { status, text } = await post(`${chat.url}/chat/sync`, { prompt: "hello", resumable });
    expect(status).toBe(422);
    expect(JSON.parse(text).detail).toMatchObject([{ loc: ["body", "resumable"], type: "value_error" }]);
    expect(text).toContain("cannot be resumed");
    expect((await post(`${chat.url}/chat/sync`, { prompt: "hello", resumable: false })).status).toBe(200);
  });

  it.each([1, "true", null])("resumable %j for a stream", async (resumable) => {
    const { status, text } = await post(`${chat.url}/chat`, { prompt: "hello", resumable });
    expect(status).toBe(422);
    expect(JSON.parse(text).detail).toMatchObject([{ loc: ["body", "resumable"], type: "bool_type" }]);
  });

  it.each([
    ["-1", "greater_than_equal"],
    ["", "int_parsing"],
    ["abc", "int_parsing"],
    ["1.5", "int_parsing"],
    ["1e3", "int_parsing"],
    ["0x10", "int_parsing"],
    ["1, 2", "int_parsing"],
    ["9".repeat(16), "int_parsing"],
  ])("the Last-Event-ID %j", async (lastEventId, type) => {
    const response = await fetch(`${chat.url}/chat/streams/${NO_STREAM}`, {
      headers: { "last-event-id": lastEventId },
    });
    expect(response.status).toBe(422);
    expect(JSON.parse(await response.text()).detail).toMatchObject([
      { loc: ["header", "last-event-id"], type },
    ]);
    await expectItStillAnswers();
  });

  it.each(["x", "str_", `${NO_STREAM}A`, "STR_AAAAAAAAAAAAAAAAAAAAAA", "str_AAAAAAAAAAAAAAAAAAAAA%20"])(
    "the stream %s, whose id has a wrong form",
    async (id) => {
      for (const method of ["GET", "DELETE"]) {
        const response = await fetch(`${chat.url}/chat/streams/${id}`, { method });
        expect(response.status).toBe(404);
        expect(response.headers.get("content-type")).toMatch(/^application\/json/);
        expect(await response.json()).toEqual({ detail: "There is no such stream, or it has expired." });
      }
      await expectItStillAnswers();
    },
  );

  it.each(["POST", "PUT", "PATCH", "HEAD"])("the method %s on a stream", async (method) => {
    const response = await fetch(`${chat.url}/chat/streams/${NO_STREAM}`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("DELETE, GET");
    await response.arrayBuffer();
  });
});

describe("what does not exist is told to the client, and forgotten:", () => {
  it.each([
    ["GET", "/nope", 404],
    ["POST", "/nope", 404],
    ["POST", "/chat/", 404],
    ["GET", "/chat/nope", 404],
    ["GET", "/assets/%2e%2e%2findex.html", 404],
    ["GET", "/docs/..%2fpackage.json", 404],
    ["GET", "/docs/package.json", 404],
    ["POST", "/health", 405],
    ["DELETE", "/", 405],
    ["GET", "/%zz", 400],
  ])("%s %s is %i", async (method, path, status) => {
    const response = await fetch(chat.url + path, { method, body: method === "POST" ? "{" : undefined });
    expect(response.status).toBe(status);
    expect(Object.keys(JSON.parse(await response.text()))).toEqual(["detail"]);
    if (status === 405) expect(response.headers.get("allow")).toBe("GET, HEAD");
    await expectItStillAnswers();
  });
});

describe("broken requests are told to the client, and forgotten:", () => {
  it.each([
    [
      "10,000 bytes of headers",
      `GET /health HTTP/1.1\r\nhost: localhost\r\nx: ${"a".repeat(10_000)}\r\n\r\n`,
      431,
    ],
    ["no HTTP", "hello\r\n\r\n", 400],
    ["a header without a colon", "GET /health HTTP/1.1\r\nhost: localhost\r\nnope\r\n\r\n", 400],
    [
      "two lengths",
      "POST /chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
      400,
    ],
    [
      "half a body",
      'POST /chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"',
      408,
    ],
  ])("%s", async (_name, bytes, status) => {
    expect(await exchange(chat.url, bytes)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    await expectItStillAnswers();
  });

  it("half a request of a client that leaves", async () => {
    await exchange(chat.url, "POST /chat HTTP/1.1\r\nhost: localhost\r\ncontent-le", { half: true });
    await exchange(chat.url, 'POST /chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{"', {
      half: true,
    });
    await expectItStillAnswers();
  });
});
