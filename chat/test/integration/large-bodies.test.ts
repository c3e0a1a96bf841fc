import { EventSourceParserStream } from "eventsource-parser/stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { post } from "./http-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

const MIB = 1024 * 1024;
/** One each 20 ms: the answer takes 20 s. */
const TOKENS = 1000;

let chat: Chat;

beforeAll(async () => {
  chat = await startChat({
    env: {
      CHAT_TOKEN_DELAY_MS: "20",
      CHAT_SIMULATED_PAUSE: "token",
      CHAT_SIMULATED_TOKENS: String(TOKENS),
      CHAT_BODY_MIB: "2",
    },
  });
});

afterAll(async () => {
  await chat.stop();
});

/** An answer that comes meanwhile. */
async function openStream() {
  const leave = new AbortController();
  const response = await fetch(`${chat.url}/chat`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: "hello" }),
    signal: leave.signal,
  });
  let tokens = 0;
  const ended = (async () => {
    const text = response.body?.pipeThrough(new TextDecoderStream());
    for await (const _event of text?.pipeThrough(new EventSourceParserStream()) ?? []) tokens++;
  })().catch(() => {});
  return {
    tokens: () => tokens,
    leave: async () => {
      leave.abort();
      await ended;
    },
  };
}

const wrong = (messages: number, parts: number, part: unknown) =>
  JSON.stringify({ messages: Array(messages).fill({ role: "user", content: Array(parts).fill(part) }) });

const BODIES: readonly (readonly [path: string, body: string, status: number])[] = [
  ["/v1/chat/completions", wrong(340, 1000, 1), 400],
  ["/v1/chat/completions", wrong(200, 100, 1), 400],
  ["/v1/chat/completions", wrong(90, 100, { type: "text" }), 400],
  ["/v1/chat/completions", `{"messages":[${"[],".repeat(5 * MIB)}1]}`, 400],
  ["/v1/chat/completions", `{"messages":${"[".repeat(15 * MIB)}`, 400],
  ["/v1/chat/completions", `{"messages":"${"\\n".repeat(7 * MIB)}`, 400],
  ["/v1/completions", JSON.stringify({ prompt: Array(20_000).fill(1) }), 400],
  ["/v1/embeddings", JSON.stringify({ input: Array(20_000).fill([1]) }), 400],
  ["/chat", JSON.stringify({ prompt: "hi", messages: Array(200).fill({ role: "user" }) }), 422],
  ["/chat/sync", `{"prompt":${"[".repeat(2 * MIB - 20)}`, 422],
];

it("whatever is sent in a body, an answer beside it goes on", async () => {
  const stream = await openStream();
  const refused = await Promise.all(
    BODIES.flatMap(([path, body, status]) =>
      Array.from({ length: 3 }, async () => [(await post(chat.url + path, body)).status, status]),
    ),
  );
  const meanwhile = stream.tokens();
  await stream.leave();
  for (const [status, expected] of refused) expect(status).toBe(expected);
  // These took a minute, and the answer came in one piece behind them.
  expect(meanwhile).toBeLessThan(TOKENS);
});

it("a setting says how large a body may be", async () => {
  const body = `{"prompt": "hello"}${" ".repeat(2 * MIB)}`.slice(0, 2 * MIB);
  const { status, text } = await post(`${chat.url}/chat`, `${body} `);
  expect(status).toBe(413);
  expect(JSON.parse(text)).toEqual({ detail: "Request body is larger than 2 MiB" });
  const most = JSON.stringify({ messages: [{ role: "user", content: "x".repeat(2 * MIB) }], max_tokens: 1 });
  expect((await post(`${chat.url}/v1/chat/completions`, most)).status).toBe(200);
});
