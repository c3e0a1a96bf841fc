import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventsOf, open, post } from "./http-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

// Some 10 MB: more than the buffers between a server and a client hold.
const TOKENS = 400_000;

let chat: Chat;

beforeAll(async () => {
  chat = await startChat({ env: { CHAT_TOKEN_DELAY_MS: "0", CHAT_SIMULATED_TOKENS: String(TOKENS) } });
});

afterAll(async () => {
  await chat.stop();
});

/** Begins an answer over a connection of its own, and stops reading with its first bytes. */
async function beginAndStall() {
  const socket = open(chat.url);
  const body = '{"prompt": "hello"}';
  // HTTP/1.0: the body is not cut into chunks, and ends where the connection does.
  socket.write(
    `POST /chat HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await once(socket, "readable");
  return socket;
}

it("a client that does not read for a while holds up no other client, and misses no token", async () => {
  const socket = await beginAndStall();
  expect(eventsOf((await post(`${chat.url}/chat`, { prompt: "hello" })).text)).toHaveLength(TOKENS + 1);

  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece);
  const [, body = ""] = Buffer.concat(pieces).toString().split("\r\n\r\n");
  const events = eventsOf(body);
  expect(events).toHaveLength(TOKENS + 1);
  expect(events.at(-1)).toBe("[DONE]");
});

it("a client that does not read and then leaves holds up no other client", async () => {
  const socket = await beginAndStall();
  socket.destroy();
  expect((await post(`${chat.url}/chat/sync`, { prompt: "hello" })).status).toBe(200);
  expect(chat.log()).not.toMatch(/request failed|MaxListeners/);
});
