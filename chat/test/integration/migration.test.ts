import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, isAlive } from "../../../server/test/integration/harness.ts";
import { open, type Stream } from "../../../server/test/integration/http-tools.ts";
import { answerTo } from "../../src/models/answers.ts";
import { textOf } from "./http-client.ts";
import { askResumable, idOf, numberedEvents, PatientReader, readOn, send } from "./resuming-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

const TOKENS = 200;

let chat: Chat;

function serve(args: readonly string[] = [], tokens = TOKENS): void {
  beforeAll(async () => {
    const env = { CHAT_TOKEN_DELAY_MS: "10-20", CHAT_SIMULATED_TOKENS: String(tokens) };
    chat = await startChat({ args, env });
  });
  afterAll(async () => {
    await chat.stop();
  });
}

function askPlain(prompt: string, more: object = {}): Promise<Stream> {
  const headers = { "content-type": "application/json" };
  return open(chat, "/chat", { method: "POST", headers, body: JSON.stringify({ prompt, ...more }) });
}

/** The whole text of a plain answer. Throws where it has anything but tokens and its proper end. */
function plainText(stream: Stream): string {
  expect(stream.complete).toBe(true);
  return textOf(stream.text);
}

function resumableText(stream: Stream): string {
  expect(stream.complete).toBe(true);
  const reader = new PatientReader();
  reader.take(stream);
  expect(reader.end).toBe("[DONE]");
  return reader.text;
}

/** Waits until each stream has `tokens` tokens. */
async function begun(streams: readonly Stream[], tokens: number): Promise<void> {
  await eventually(`${tokens} tokens`, () =>
    streams.every(({ text }) => (text.match(/"token"/g) ?? []).length >= tokens),
  );
}

/**
 * Leaves answers, and waits until the server knows that their readers left. A worker that dies before that has an
 * answer continued for its reader, who is there as far as the server can tell.
 */
async function leave(streams: readonly Stream[]): Promise<void> {
  const cut = (): number => chat.log().match(/POST \/chat 200 in \d+ ms, cut short/g)?.length ?? 0;
  const before = cut();
  for (const stream of streams) stream.leave();
  await eventually("the access log has those that left", () => cut() >= before + streams.length);
}

/** Kills a process and waits until it is gone. */
async function kill(pid: number | undefined): Promise<void> {
  if (pid === undefined) throw new Error("there is no such process");
  process.kill(pid, "SIGKILL");
  await eventually(`process ${pid} is gone`, () => !isAlive(pid));
}

/** Waits until there are `count` processes of a kind, none of which was there before. */
async function replaced(title: string, count: number, before: readonly number[]): Promise<void> {
  await eventually(`${count} new processes: ${title}`, () => {
    const now = chat.pids(title);
    return now.length >= count && !now.some((pid) => before.includes(pid));
  });
}

/** The first `TOKENS` tokens of what the simulated model says. */
function answer(prompt: string, thinking = false): string {
  const round = [...answerTo(prompt), "\n\n"];
  const tokens = Array.from({ length: TOKENS }, (_, index) => round[index % round.length]);
  return `${thinking ? "[thinking...]\n\n" : ""}${tokens.join("")}`;
}

describe("a dirty worker that is killed in mid-answer", () => {
  serve(["--dirty-workers", "2", "--access-log"]);

  it("costs its readers nothing: each sees one unbroken, unrepeated answer", async () => {
    const prompts = ["hello", "explain", "streaming", "code", "anything"];
    const expected = prompts.map((prompt) => answer(prompt));
    const plain = await Promise.all(prompts.map((prompt) => askPlain(prompt)));
    const resumable = await Promise.all(prompts.map((prompt) => askResumable(chat, prompt)));
    await begun([...plain, ...resumable], 20);
    await kill(chat.pids("dirty worker")[0]);
    await Promise.all([...plain, ...resumable].map((stream) => stream.ended()));
    expect(plain.map(plainText)).toEqual(expected);
    expect(resumable.map(resumableText)).toEqual(expected);
    expect(chat.log()).not.toContain("request failed");
  });

  it("costs them nothing while the model thinks, either", async () => {
    const expected = answer("hello", true);
    const plain = await Promise.all(Array.from({ length: 4 }, () => askPlain("hello", { thinking: true })));
    await begun(plain, 3);
    await kill(chat.pids("dirty worker")[0]);
    await Promise.all(plain.map((stream) => stream.ended()));
    expect(plain.map(plainText)).toEqual(plain.map(() => expected));
  });

  it("leaves a resumable answer resumable, from any event, under its id", async () => {
    const expected = answer("explain");
    const streams = await Promise.all(Array.from({ length: 6 }, () => askResumable(chat, "explain")));
    await begun(streams, 10);
    const late = await Promise.all(streams.map((stream) => readOn(chat, idOf(stream), 5)));
    await begun(late, 20);
    await kill(chat.pids("dirty worker")[0]);
    await begun(streams, 60);
    for (const stream of streams) stream.leave();
    const readers = await Promise.all(
      streams.map(async (stream) => {
        const reader = new PatientReader();
        reader.take(stream);
        const rest = await readOn(chat, idOf(stream), reader.last);
        await rest.ended();
        reader.take(rest);
        return reader;
      }),
    );
    expect(readers.map(({ text }) => text)).toEqual(readers.map(() => expected));
    await Promise.all(late.map((stream) => stream.ended()));
    for (const stream of late) {
      const { tokens, end } = numberedEvents(stream.text);
      expect(end).toBe("[DONE]");
      expect(tokens.map(({ id }) => id)).toEqual(Array.from({ length: TOKENS - 5 }, (_, index) => index + 6));
    }
  });

  it("takes an answer with it that had no reader: it is 410", async () => {
    const streams = await Promise.all(Array.from({ length: 4 }, () => askResumable(chat, "hello")));
    await begun(streams, 5);
    await leave(streams);
    // Each worker is killed, so the answers cannot be elsewhere.
    for (const pid of chat.pids("dirty worker")) await kill(pid);
    for (const stream of streams) {
      await eventually("410", async () => (await send(chat, "GET", idOf(stream))).status === 410);
    }
  });
});

describe("the only dirty worker, killed in mid-answer", () => {
  serve(["--dirty-workers", "1"]);

  it("has its answers continued by its replacement", async () => {
    const expected = answer("code");
    const plain = await Promise.all(Array.from({ length: 5 }, () => askPlain("code")));
    const resumable = await Promise.all(Array.from({ length: 5 }, () => askResumable(chat, "code")));
    await begun([...plain, ...resumable], 10);
    await kill(chat.pids("dirty worker")[0]);
    await Promise.all([...plain, ...resumable].map((stream) => stream.ended()));
    expect(plain.map(plainText)).toEqual(plain.map(() => expected));
    expect(resumable.map(resumableText)).toEqual(resumable.map(() => expected));
  });
});

describe("the only dirty worker, killed again and again in an answer without end", () => {
  serve(["--dirty-workers", "1", "--migration-limit", "2"], 1_000_000);

  it("ends it at the limit with an error", async () => {
    const [plain, resumable] = await Promise.all([askPlain("code"), askResumable(chat, "code")]);
    for (let kills = 1; kills <= 3; kills++) {
      await begun([plain, resumable], kills * 20);
      const before = chat.pids("dirty worker");
      await kill(before[0]);
      if (kills < 3) await replaced("dirty worker", 1, before);
    }
    await Promise.all([plain.ended(), resumable.ended()]);
    expect(plain.text).toMatch(/\n\ndata: {"error":{"type":"worker_died",[^\n]*\n\n$/);
    const { tokens, end } = numberedEvents(resumable.text);
    expect(end).toBe("worker_died");
    expect(tokens.map(({ id }) => id)).toEqual(tokens.map((_, index) => index + 1));
  });
});

describe("an HTTP worker that is killed", () => {
  serve(["--workers", "2"]);

  it("costs its clients a connection: they go on through another", async () => {
    const expected = answer("streaming");
    const streams = await Promise.all(Array.from({ length: 8 }, () => askResumable(chat, "streaming")));
    await begun(streams, 20);
    // One of the two may have none of the connections.
    for (const pid of chat.pids("http worker")) {
      await kill(pid);
      if (streams.some(({ endedAt }) => endedAt !== undefined)) break;
    }
    await eventually("a connection is lost", () => streams.some(({ endedAt }) => endedAt !== undefined));
    expect(streams.some(({ complete }) => complete)).toBe(false);
    const texts = await Promise.all(
      streams.map(async (stream) => {
        const reader = new PatientReader();
        await stream.ended();
        reader.take(stream);
        if (reader.end === undefined) {
          const rest = await readOn(chat, idOf(stream), reader.last);
          expect(rest.status).toBe(200);
          await rest.ended();
          reader.take(rest);
        }
        expect(reader.end).toBe("[DONE]");
        return reader.text;
      }),
    );
    expect(texts).toEqual(streams.map(() => expected));
  });

  it("costs a client nothing that waits for its first token", async () => {
    const stream = await askResumable(chat, "hello", { thinking: true });
    for (const pid of chat.pids("http worker")) await kill(pid);
    await stream.ended();
    const reader = new PatientReader();
    reader.take(stream);
    const rest = await readOn(chat, idOf(stream), reader.last);
    await rest.ended();
    reader.take(rest);
    expect(reader.text).toBe(answer("hello", true));
  });
});

describe("a dirty arbiter that is killed", () => {
  serve();

  it("is not noticed by answers in progress, which can be resumed as ever", async () => {
    const expected = answer("hello");
    const [plain, kept, left] = await Promise.all([
      askPlain("hello"),
      askResumable(chat, "hello"),
      askResumable(chat, "hello"),
    ]);
    await begun([plain, kept, left], 20);
    left.leave();
    const reader = new PatientReader();
    reader.take(left);
    await kill(chat.pids("dirty arbiter")[0]);
    const rest = await readOn(chat, idOf(left), reader.last);
    expect(rest.status).toBe(200);
    await Promise.all([plain, kept, rest].map((stream) => stream.ended()));
    reader.take(rest);
    expect([plainText(plain), resumableText(kept), reader.text]).toEqual([expected, expected, expected]);
  });
});
