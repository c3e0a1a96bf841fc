import { readFileSync } from "node:fs";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../../../server/test/integration/harness.ts";
import { post } from "./http-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

const MIB = 1024 * 1024;
/** More than come in any time that a test has, one each 20 ms. */
const TOKENS = 1_000_000;
/** Processor time in ms for all bodies below. They take some 2 s, and took a minute where each wrong item was told. */
const MOST_MS = 15_000;

let chat: Chat;

beforeAll(async () => {
  chat = await startChat({
    env: {
      CHAT_TOKEN_DELAY_MS: "20",
      CHAT_SIMULATED_PAUSE: "token",
      CHAT_SIMULATED_TOKENS: String(TOKENS),
      CHAT_BODY_MIB: "2",
      // On a busy machine this process connects for all bodies, and is at the last one's headers more than 10 s later.
      TSUNICORN_HEADERS_TIMEOUT: "120",
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

/** The processor time that a process has had, in ms. Unlike the clock's it is the same however busy the machine is. */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // Behind the name, which stands in brackets, utime and stime are the 12th and the 13th, in hundredths of a second.
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) * 10;
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
  const [worker = 0] = chat.pids("http worker");
  const before = processorMs(worker);
  const refused = await Promise.all(
    BODIES.flatMap(([path, body, status]) =>
      Array.from({ length: 3 }, async () => [(await post(chat.url + path, body)).status, status]),
    ),
  );
  const taken = processorMs(worker) - before;
  const meanwhile = stream.tokens();
  await eventually("the answer goes on", () => stream.tokens() > meanwhile);
  await stream.leave();
  for (const [status, expected] of refused) expect(status).toBe(expected);
  expect(taken).toBeLessThan(MOST_MS);
});

it("a setting says how large a body may be", async () => {
  const body = `{"prompt": "hello"}${" ".repeat(2 * MIB)}`.slice(0, 2 * MIB);
  const { status, text } = await post(`${chat.url}/chat`, `${body} `);
  expect(status).toBe(413);
  expect(JSON.parse(text)).toEqual({ detail: "Request body is larger than 2 MiB" });
  const most = JSON.stringify({ messages: [{ role: "user", content: "x".repeat(2 * MIB) }], max_tokens: 1 });
  expect((await post(`${chat.url}/v1/chat/completions`, most)).status).toBe(200);
});
