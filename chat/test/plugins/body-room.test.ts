/** The room for the bodies of all requests together, over real connections. */
import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bodyLimits } from "../../src/body-limits.ts";
import { BodyRoom } from "../../src/plugins/body-room.ts";
import { errorReplies } from "../../src/plugins/error-replies.ts";
import { jsonBody } from "../../src/plugins/json-body.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const SOON = { timeout: 50_000 };

let app: FastifyInstance;
let room: BodyRoom;
let sockets: Socket[];
/** Lets the answers of `/held` end. */
let release: () => void;

beforeEach(async () => {
  room = new BodyRoom(300 * KIB);
  app = Fastify({ bodyLimit: MIB });
  sockets = [];
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  errorReplies(app);
  jsonBody(app, room);
  for (const path of ["/read", "/v1/read"]) app.post(path, async ({ body }) => (body as string[]).length);
  app.post("/held", async () => {
    await held;
    return "held";
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
});

afterEach(async () => {
  release();
  for (const socket of sockets) socket.destroy();
  await app.close();
});

/** Sends a head and what is given of the body. Answers with all that came back. */
async function send(path: string, length: number | undefined, ...body: string[]) {
  const socket = connect((app.server.address() as AddressInfo).port, "127.0.0.1");
  sockets.push(socket);
  await once(socket, "connect");
  let answer = "";
  socket.setEncoding("latin1").on("data", (text) => {
    answer += text;
  });
  const size = length === undefined ? "transfer-encoding: chunked" : `content-length: ${length}`;
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${size}\r\n\r\n`,
  );
  for (const part of body) socket.write(part);
  return {
    socket,
    answered: (pattern: RegExp) => vi.waitFor(() => expect(answer).toMatch(pattern), SOON),
  };
}

/** A body of `bytes` bytes. */
const list = (bytes: number): string => `["${"x".repeat(bytes - 4)}"]`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

const REFUSED =
  /^HTTP\/1\.1 503 [\s\S]*retry-after: 1\r\n[\s\S]*\{"detail":"Too many large requests are in progress\. Try again later\."\}/i;

describe("bodies that are more than there is room for together", () => {
  it("are refused with 503, while those that are being read or answered go on", async () => {
    const held = await send("/held", 100 * KIB, list(100 * KIB));
    await vi.waitFor(() => expect(room.taken).toBe(100 * KIB), SOON);
    const slow = await send("/read", 100 * KIB, list(100 * KIB).slice(0, 90 * KIB));
    await vi.waitFor(() => expect(room.taken).toBe(190 * KIB), SOON);

    const refused = await send("/read", 200 * KIB, list(200 * KIB));
    await refused.answered(REFUSED);
    // What it had taken is free again, and its connection takes the next request.
    expect(room.taken).toBe(190 * KIB);
    refused.socket.write("POST /read HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
    refused.socket.write(`content-length: 5\r\n\r\n["x"]`);
    await refused.answered(/HTTP\/1\.1 200 [\s\S]*\r\n1$/);

    slow.socket.write(list(100 * KIB).slice(90 * KIB));
    await slow.answered(/^HTTP\/1\.1 200 /);
    release();
    await held.answered(/^HTTP\/1\.1 200 [\s\S]*held$/);
    await vi.waitFor(() => expect(room.taken).toBe(0), SOON);
    await (await send("/read", 200 * KIB, list(200 * KIB))).answered(/^HTTP\/1\.1 200 /);
  });

  it("are refused in OpenAI's form on /v1, also where their size is not announced", async () => {
    const refused = await send("/v1/read", undefined, chunk(list(310 * KIB)), chunk(" "), "0\r\n\r\n");
    await refused.answered(/^HTTP\/1\.1 503 [\s\S]*"type":"server_error","param":null,"code":"overloaded"/);
    expect(room.taken).toBe(0);
  });

  it("find room again when a client leaves in the middle of its own", async () => {
    const leaver = await send("/read", 300 * KIB, list(300 * KIB).slice(0, 290 * KIB));
    await vi.waitFor(() => expect(room.taken).toBe(290 * KIB), SOON);
    leaver.socket.destroy();
    await vi.waitFor(() => expect(room.taken).toBe(0), SOON);
  });

  it("leave the connection of one that is refused for its size to the next request", async () => {
    const large = await send("/read", 2 * MIB, list(2 * MIB));
    await large.answered(/^HTTP\/1\.1 413 /);
    large.socket.write("POST /read HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
    large.socket.write(`content-length: 5\r\n\r\n["x"]`);
    await large.answered(/HTTP\/1\.1 200 [\s\S]*\r\n1$/);
    expect(room.taken).toBe(0);
  });

  it("take no room for what is only announced", async () => {
    await send("/read", 300 * KIB, "[");
    await vi.waitFor(() => expect(room.taken).toBe(1), SOON);
    await (await send("/read", 200 * KIB, list(200 * KIB))).answered(/^HTTP\/1\.1 200 /);
  });
});

describe("the room is", () => {
  it.each([
    ["256 MiB where the heap is large", {}, 4096, 256],
    ["a quarter of a small heap", {}, 512, 128],
    ["one body at least", { CHAT_V1_BODY_MIB: "48" }, 64, 48],
  ])("%s", (_name, env, heap, expected) => {
    expect(bodyLimits(env, heap * MIB).inAll).toBe(expected * MIB);
  });
});
