import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../../server/test/integration/harness.ts";
import { exchange, post } from "./http-client.ts";
import { askResumable, idOf, numberedEvents, PatientReader, readOn, send } from "./resuming-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

const FIXTURES = fileURLToPath(new URL("./fixtures/", import.meta.url));
const NO_STREAM = "str_AAAAAAAAAAAAAAAAAAAAAA";
/** The last flag wins over that of startChat. */
const TWO_HTTP_WORKERS = ["--workers", "2"];
// So that what must not be in the log would be.
const LOUD = ["--access-log", "--log-level", "debug"];

let chat: Chat;

/** Has the tests of a block share one server, and looks at its log at the end. */
function serve(args: string[], env: Record<string, string> = {}): void {
  beforeAll(async () => {
    chat = await startChat({ args: [...args, ...LOUD], env });
  });
  afterAll(async () => {
    const log = chat.log();
    await chat.stop();
    expect(log.match(/str_[\w-]{22}/g) ?? [], "ids in the log").toEqual([]);
  });
}

/** The same with the tests' own app, which runs one request at a time and does what the prompt says. */
function serveFixture(...args: string[]): void {
  serve(["--chdir", FIXTURES, "--dirty-app", "./chat-app.ts:ChatApp", ...args], { TSX_DISABLE_CACHE: "1" });
}

async function answer(prompt: string): Promise<string> {
  const { text } = await post(`${chat.url}/chat/sync`, { prompt });
  return (JSON.parse(text) as { response: string }).response;
}

describe("a resumable answer", () => {
  serve(TWO_HTTP_WORKERS, { CHAT_TOKEN_DELAY_MS: "2-6", CHAT_SIMULATED_TOKENS: "400" });

  it("has numbered events and an id, and is else the same", async () => {
    const stream = await askResumable(chat, "hello", { thinking: true });
    expect(stream.status).toBe(200);
    expect(stream.headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-stream-id": expect.stringMatching(/^str_[\w-]{22}$/),
    });
    await stream.ended();
    const { tokens, end } = numberedEvents(stream.text);
    expect(end).toBe("[DONE]");
    expect(stream.text).toMatch(/^id: 1\ndata: {"token": "\["}\n\nid: 2\ndata: {"token": "thinking"}\n\n/);
    expect(tokens.map(({ id }) => id)).toEqual(tokens.map((_, index) => index + 1));
    expect(tokens.map(({ token }) => token).join("")).toBe(`[thinking...]\n\n${await answer("hello")}`);
  });

  it("has an id of its own each time, and none unless it is asked for", async () => {
    const streams = await Promise.all(["hello", "hello", "code"].map((prompt) => askResumable(chat, prompt)));
    expect(new Set(streams.map(idOf)).size).toBe(3);
    for (const stream of streams) stream.leave();
    for (const more of [{}, { resumable: false }]) {
      const { headers, text } = await post(`${chat.url}/chat`, { prompt: "code", ...more });
      expect(headers.get("x-stream-id")).toBeNull();
      expect(text).toMatch(/^(data: {"token": "[^\r\n]*"}\n\n){400}data: \[DONE\]\n\n$/);
    }
  });

  it("is whole and exact for a client that loses its connection again and again", async () => {
    const expected = await answer("explain");
    const clients = Array.from({ length: 8 }, async () => {
      const reader = new PatientReader();
      let stream = await askResumable(chat, "explain");
      const id = idOf(stream);
      const cuts: number[] = [];
      for (;;) {
        const cut = reader.last + 1 + Math.floor(Math.random() * 120);
        cuts.push(cut);
        await eventually(
          `token ${cut}`,
          () => stream.endedAt !== undefined || stream.text.includes(`id: ${cut}\n`),
        );
        stream.leave();
        reader.take(stream);
        if (reader.end !== undefined) break;
        stream = await readOn(chat, id, reader.last);
        expect(stream.status).toBe(200);
        expect(idOf(stream)).toBe(id);
      }
      expect(reader.end, `cut at ${cuts}`).toBe("[DONE]");
      expect(reader.text, `cut at ${cuts}`).toBe(expected);
      return cuts.length;
    });
    const connections = await Promise.all(clients);
    expect(Math.max(...connections)).toBeGreaterThan(2);
  });

  it("can be read from every event on once it has ended, and again from its first", async () => {
    const stream = await askResumable(chat, "code");
    await stream.ended();
    const events = stream.text.split(/(?<=\n\n)/);
    expect(events).toHaveLength(401);
    for (const after of [undefined, 0, 1, 199, 399, 400]) {
      const rest = await readOn(chat, idOf(stream), after);
      await rest.ended();
      expect(rest.complete).toBe(true);
      expect(rest.text).toBe(events.slice(after).join(""));
    }
  });

  it("has several readers at once, each with all of it", async () => {
    const first = await askResumable(chat, "streaming");
    await first.has("id: 40\n");
    const second = await readOn(chat, idOf(first));
    const third = await readOn(chat, idOf(first), 20);
    await second.has("id: 60\n");
    // One that leaves takes nothing from the others.
    third.leave();
    await Promise.all([first.ended(), second.ended()]);
    expect(numberedEvents(first.text).end).toBe("[DONE]");
    expect(second.text).toBe(first.text);
    expect(first.text.slice(first.text.indexOf("id: 21\n")).startsWith(third.text)).toBe(true);
  });

  it.each(["GET", "DELETE"])("with an id that was never given is 404 to %s", async (method) => {
    const { status, headers, text } = await send(chat, method, NO_STREAM);
    expect(status).toBe(404);
    expect(headers.get("content-type")).toMatch(/^application\/json/);
    expect(headers.get("x-stream-id")).toBeNull();
    expect(JSON.parse(text)).toEqual({ detail: "There is no such stream, or it has expired." });
  });

  it("refuses a Last-Event-ID that is not a number, also for a stream that is there", async () => {
    const stream = await askResumable(chat, "hello");
    const refused = await readOn(chat, idOf(stream), "x");
    await refused.ended();
    expect(refused.status).toBe(422);
    expect(JSON.parse(refused.text).detail).toMatchObject([{ loc: ["header", "last-event-id"] }]);
    stream.leave();
  });
});

describe("a resumable answer that has to wait, or whose model hangs,", () => {
  const NEXT = 'event: queued\ndata: {"position": 1}\n\n';

  serveFixture();

  it("has its id at once, and can be read on before its first token, by several readers", async () => {
    const running = await askResumable(chat, "one hang");
    await running.has("one");
    const first = await askResumable(chat, "a b c");
    await first.has(NEXT);
    expect(first.text).toBe(NEXT);
    first.leave();
    const id = idOf(first);
    const readers = await Promise.all([readOn(chat, id), readOn(chat, id, 0), readOn(chat, id, 1)]);
    expect(readers.map(({ status }) => status)).toEqual([200, 200, 200]);
    await Promise.all(readers.slice(0, 2).map((reader) => reader.has(NEXT)));
    expect((await send(chat, "DELETE", idOf(running))).status).toBe(204);
    await Promise.all(readers.map((reader) => reader.ended()));
    const event = (number: number, token: string) => `id: ${number}\ndata: {"token": "${token}"}\n\n`;
    const rest = `${event(2, "b")}${event(3, "c")}data: [DONE]\n\n`;
    const all = NEXT + event(1, "a") + rest;
    expect(readers.map(({ text }) => text)).toEqual([all, all, rest]);
    await running.ended();
    expect(numberedEvents(running.text).end).toBe("cancelled");
  });

  it("is cancelled by its id for all of its readers, and unknown from then on", async () => {
    const first = await askResumable(chat, "one two hang");
    const id = idOf(first);
    await first.has("id: 2\n");
    const second = await readOn(chat, id, 1);
    await second.has("id: 2\n");
    const { status, headers, text } = await send(chat, "DELETE", id);
    expect(status).toBe(204);
    expect(text).toBe("");
    expect(headers.get("content-type")).toBeNull();
    for (const reader of [first, second]) {
      await reader.ended();
      expect(reader.complete).toBe(true);
      expect(reader.text).toMatch(
        /\n\ndata: {"error":{"type":"cancelled","message":"The answer was cancelled\."}}\n\n$/,
      );
    }
    for (const method of ["GET", "DELETE"]) expect((await send(chat, method, id)).status).toBe(404);
  });

  it("can be read on while it runs and has no token yet", async () => {
    const first = await askResumable(chat, "hang");
    first.leave();
    const second = await readOn(chat, idOf(first));
    expect(second.status).toBe(200);
    expect((await send(chat, "DELETE", idOf(first))).status).toBe(204);
    await second.ended();
    expect(numberedEvents(second.text)).toMatchObject({ tokens: [], end: "cancelled" });
  });

  it("is cancelled by its id while it waits, and never runs", async () => {
    const running = await askResumable(chat, "one hang");
    await running.has("one");
    const waiting = await askResumable(chat, "fail");
    expect((await send(chat, "DELETE", idOf(waiting))).status).toBe(204);
    await waiting.ended();
    expect(numberedEvents(waiting.text)).toMatchObject({ tokens: [], end: "cancelled" });
    expect((await send(chat, "GET", idOf(waiting))).status).toBe(404);
    await send(chat, "DELETE", idOf(running));
    expect((await post(`${chat.url}/chat`, { prompt: "well" })).status).toBe(200);
    expect(chat.log()).not.toContain("app_error");
  });

  it("keeps its place when its HTTP worker is killed", async () => {
    const running = await askResumable(chat, "one hang");
    await running.has("one");
    const waiting = await askResumable(chat, "a b c");
    for (const pid of chat.pids("http worker")) process.kill(pid, "SIGKILL");
    await Promise.all([running.ended(), waiting.ended()]);
    const rest = await readOn(chat, idOf(waiting), 0);
    expect(rest.status).toBe(200);
    expect((await send(chat, "DELETE", idOf(running))).status).toBe(204);
    await rest.ended();
    expect(numberedEvents(rest.text)).toMatchObject({ end: "[DONE]" });
    expect(numberedEvents(rest.text).tokens.map(({ token }) => token)).toEqual(["a", "b", "c"]);
  });

  it("is given up when its client leaves before it can know the id", async () => {
    const arbiter = chat.pids("dirty arbiter")[0] ?? 0;
    const body = '{"prompt": "one hang", "resumable": true}';
    process.kill(arbiter, "SIGSTOP");
    try {
      const answer = await exchange(
        chat.url,
        `POST /chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        { half: true },
      );
      expect(answer).toBe("");
    } finally {
      process.kill(arbiter, "SIGCONT");
    }
    // It had the only place for its whole grace otherwise, which is longer than a request may wait for one.
    expect((await post(`${chat.url}/chat`, { prompt: "well" })).status).toBe(200);
  });

  it("tells each of its readers how it failed, also later ones", async () => {
    const stream = await askResumable(chat, "one fail");
    await stream.ended();
    const later = await readOn(chat, idOf(stream), 1);
    await later.ended();
    expect(numberedEvents(stream.text)).toMatchObject({
      tokens: [{ id: 1, token: "one" }],
      end: "app_error",
    });
    expect(numberedEvents(later.text)).toMatchObject({ tokens: [], end: "app_error" });
  });
});

describe("a resumable answer whose reader does not come back", () => {
  serveFixture("--stream-grace", "0.5", "--dirty-queue-timeout", "20");

  it("is stopped after its grace, and is 404 then", async () => {
    const stream = await askResumable(chat, "one hang");
    await stream.has("one");
    const left = performance.now();
    stream.leave();
    // There is one place, so this waits until the other is stopped.
    expect((await post(`${chat.url}/chat`, { prompt: "well" })).status).toBe(200);
    expect(performance.now() - left).toBeGreaterThan(450);
    expect((await send(chat, "GET", idOf(stream))).status).toBe(404);
    expect((await send(chat, "DELETE", idOf(stream))).status).toBe(404);
  });

  it("goes on as long as there is one reader", async () => {
    const stream = await askResumable(chat, "one hang");
    await stream.has("one");
    const other = await readOn(chat, idOf(stream));
    await other.has("one");
    stream.leave();
    const waiting = post(`${chat.url}/chat`, { prompt: "well" });
    const early = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 1200, "none"))]);
    expect(early).toBe("none");
    expect(other.endedAt).toBeUndefined();
    await send(chat, "DELETE", idOf(stream));
    expect((await waiting).status).toBe(200);
  });
});

describe("a resumable answer that is larger than what is kept", () => {
  const TOKENS = 600_000;
  serve([], { CHAT_TOKEN_DELAY_MS: "0", CHAT_SIMULATED_TOKENS: String(TOKENS) });

  it("is 410 from a place that is not kept any more, and goes on from one that is", async () => {
    const stream = await askResumable(chat, "hello");
    stream.leave();
    const id = idOf(stream);
    // Its run goes on without a reader; this one waits for its end.
    const last = await readOn(chat, id, TOKENS - 2);
    await last.ended();
    expect(numberedEvents(last.text).tokens.map((token) => token.id)).toEqual([TOKENS - 1, TOKENS]);

    const gone = await readOn(chat, id, 1);
    await gone.ended();
    expect(gone.status).toBe(410);
    expect(gone.headers["content-type"]).toMatch(/^application\/json/);
    expect(JSON.parse(gone.text)).toEqual({ detail: "This answer can no longer be continued from there." });

    const rest = await readOn(chat, id, TOKENS - 1000);
    await rest.ended();
    expect(numberedEvents(rest.text)).toMatchObject({ end: "[DONE]" });
    expect(numberedEvents(rest.text).tokens).toHaveLength(1000);
  });
});
