import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatFailure } from "../src/server/chat-error.ts";
import { askChat, type ChatUpdate, LEAVE, resumeChat } from "../src/server/chat-stream.ts";
import { DONE, events, FakeServer, gone, noNetwork, type Reply, tokens } from "./support/fake-server.ts";

const QUESTION = { prompt: "hello", thinking: false, messages: [] };
const never = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

interface Outcome {
  readonly text: string;
  readonly updates: ChatUpdate[];
  readonly failure: unknown;
}

/** Reads to the end; time passes as fast as it is waited for. */
async function read(stream: AsyncIterable<ChatUpdate>): Promise<Outcome> {
  const updates: ChatUpdate[] = [];
  let ended = false;
  const reading = (async () => {
    for await (const update of stream) updates.push(update);
  })().then(
    () => undefined,
    (error: unknown) => error,
  );
  void reading.then(() => {
    ended = true;
  });
  for (let step = 0; !ended && step < 5000; step++) await vi.advanceTimersByTimeAsync(100);
  const text = updates.flatMap((update) => (update.type === "tokens" ? update.tokens : [])).join("");
  return { text, updates, failure: await reading };
}

const ask = (server: FakeServer, signal = never): Promise<Outcome> => read(askChat(QUESTION, signal, server));

describe("asking the server", () => {
  it("sends the question and yields the tokens that came together, together", async () => {
    const server = new FakeServer(() => events(tokens(1, "Hello", "!") + DONE));
    const question = { ...QUESTION, model: "big", messages: [{ role: "user" as const, content: "x" }] };
    const { updates, failure } = await read(askChat(question, never, server));
    expect(failure).toBeUndefined();
    expect(updates).toEqual([
      { type: "stream", id: "str_1" },
      { type: "tokens", tokens: ["Hello", "!"] },
    ]);
    expect(server.asked).toEqual([
      { method: "POST", url: "chat", after: null, body: { ...question, resumable: true } },
    ]);
  });

  it("tells the place in the queue", async () => {
    const queued = 'event: queued\ndata: {"position": 2}\n\n';
    const { updates } = await ask(new FakeServer(() => events(queued + tokens(1, "a") + DONE)));
    expect(updates).toContainEqual({ type: "queued", place: 2 });
  });

  it.each([
    [413, "refused", "This message is too long for the server."],
    [429, "busy", "Too many people are waiting for an answer right now."],
    [500, "failed", "Something went wrong while the answer was made."],
    [502, "gone", "The server behind this page does not answer."],
    [503, "busy", "No worker is free to answer right now."],
    [504, "failed", "The answer took too long and was stopped."],
    [418, "failed", "The server answered with status 418."],
  ])("says in words what status %i means, and when to try again", async (status, kind, message) => {
    const headers = { "retry-after": "7", "x-request-id": "r-1" };
    const { failure } = await ask(new FakeServer(() => new Response("{}", { status, headers })));
    expect(failure).toBeInstanceOf(ChatFailure);
    expect(failure).toMatchObject({ kind, message, retryAfter: 7, requestId: "r-1" });
  });

  it.each([502, 503, 504])("takes a status %i without a request's id for a proxy's", async (status) => {
    const server = new FakeServer(() => new Response("<h1>Sorry</h1>", { status }));
    const { failure } = await ask(server);
    expect(failure).toMatchObject({ kind: "gone", message: "The server behind this page does not answer." });
    expect(server.watch.isGone).toBe(true);
    server.watch.reportThere();
  });

  it("passes on what the server did not like about the message", async () => {
    const body = '{"detail":[{"loc":["body","prompt"],"msg":"must not be empty","type":"too_small"}]}';
    const { failure } = await ask(new FakeServer(() => new Response(body, { status: 422 })));
    expect(failure).toMatchObject({
      kind: "refused",
      message: "The server did not accept this message: must not be empty.",
    });
  });

  it.each([
    ["timeout", "failed"],
    ["worker_died", "broken"],
    ["queue_timeout", "busy"],
  ])("reports the error %s that comes in the middle of an answer", async (type, kind) => {
    const error = `data: ${JSON.stringify({ error: { type, message: "It failed." } })}\n\n`;
    const { text, failure } = await ask(new FakeServer(() => events(tokens(1, "a") + error)));
    expect(text).toBe("a");
    expect(failure).toMatchObject({ kind, message: "It failed." });
  });

  it("reports a server that is not there, and the watch knows it", async () => {
    const server = new FakeServer(noNetwork);
    const { failure } = await ask(server);
    expect(failure).toMatchObject({
      kind: "gone",
      message: "The server cannot be reached. Is it running?",
    });
    expect(server.watch.isGone).toBe(true);
    server.watch.reportThere();
  });

  it("does not take an answer without its end for a whole one, where the server cannot continue it", async () => {
    const server = new FakeServer(() => events('data: {"token": "a"}\n\n', { streamId: null }));
    const { text, failure } = await ask(server);
    expect(text).toBe("a");
    expect(failure).toMatchObject({
      kind: "broken",
      message: "The connection ended before the answer did.",
    });
    expect(server.lines).toEqual(["POST chat"]);
  });
});

describe("a lost connection", () => {
  it.each(["close", "break"] as const)("ends in the whole answer, once (%s)", async (end) => {
    const server = new FakeServer(
      () => events(tokens(1, "a", "b"), { end }),
      noNetwork,
      () => new Response(null, { status: 503 }),
      // What a careless proxy or server sends again is dropped.
      () => events(tokens(2, "b", "c"), { end }),
      () => events(tokens(4, "d") + DONE),
    );
    const { text, updates, failure } = await ask(server);
    expect(failure).toBeUndefined();
    expect(text).toBe("abcd");
    expect(server.lines).toEqual([
      "POST chat",
      ...Array<string>(3).fill("GET chat/streams/str_1 2"),
      "GET chat/streams/str_1 3",
    ]);
    const connection = updates.filter(({ type }) => type === "connection");
    expect(connection.map((update) => update.type === "connection" && update.lost)).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it("is got back at once when the network comes back", async () => {
    const server = new FakeServer(
      () => events(tokens(1, "a"), { end: "break" }),
      noNetwork,
      noNetwork,
      noNetwork,
      noNetwork,
      () => events(tokens(2, "b") + DONE),
    );
    const updates: ChatUpdate[] = [];
    const reading = (async () => {
      for await (const update of askChat(QUESTION, never, server)) updates.push(update);
    })();
    await vi.advanceTimersByTimeAsync(250);
    const tries = (): number => server.lines.filter((line) => line.startsWith("GET chat")).length;
    while (tries() < 4) await vi.advanceTimersByTimeAsync(100);
    server.comeOnline();
    await vi.advanceTimersByTimeAsync(0);
    expect(updates.at(-1)).toEqual({ type: "tokens", tokens: ["b"] });
    await reading;
  });

  it.each([404, 410])("is a broken answer where the server has it no more (%i)", async (status) => {
    const server = new FakeServer(
      () => events(tokens(1, "a"), { end: "break" }),
      () => gone(status),
    );
    const { text, failure } = await ask(server);
    expect(text).toBe("a");
    expect(failure).toMatchObject({ kind: "broken" });
  });

  it.each([404, 410])("is got back where only a proxy says that it is gone (%i)", async (status) => {
    const server = new FakeServer(
      () => events(tokens(1, "a"), { end: "break" }),
      () => new Response("<h1>Not here</h1>", { status }),
      () => events(tokens(2, "b") + DONE),
    );
    expect(await ask(server)).toMatchObject({ text: "ab", failure: undefined });
  });

  it("is a stopped answer where another client stopped it meanwhile", async () => {
    const server = new FakeServer(
      () => events(tokens(1, "a"), { end: "break" }),
      () => gone(410, '{"detail": "The answer was cancelled."}'),
    );
    const { updates, failure } = await ask(server);
    expect(failure).toBeUndefined();
    expect(updates.at(-1)).toEqual({ type: "stopped" });
  });

  it("is given up after a minute and a half, not before", async () => {
    const server = new FakeServer(() => events(tokens(1, "a"), { end: "break" }), noNetwork);
    const started = Date.now();
    const { failure } = await ask(server);
    expect(failure).toMatchObject({ kind: "gone" });
    expect(Date.now() - started).toBeGreaterThanOrEqual(90_000);
    expect(Date.now() - started).toBeLessThan(100_000);
    server.watch.reportThere();
  });

  it("is given up as soon where each try opens a response without a token", async () => {
    const server = new FakeServer(
      () => events(tokens(1, "a"), { end: "break" }),
      () => events("", { end: "close" }),
    );
    const started = Date.now();
    const { failure } = await ask(server);
    expect(failure).toMatchObject({ kind: "gone" });
    expect(Date.now() - started).toBeGreaterThanOrEqual(90_000);
    expect(Date.now() - started).toBeLessThan(100_000);
  });

  it("is tried anew for as long after each token", async () => {
    const drop = () => events("", { end: "close" });
    const minute = Array<Reply>(15).fill(drop);
    const server = new FakeServer(
      () => events(tokens(1, "a"), { end: "close" }),
      ...minute,
      () => events(tokens(2, "b"), { end: "close" }),
      ...minute,
      () => events(tokens(3, "c") + DONE),
    );
    const started = Date.now();
    expect(await ask(server)).toMatchObject({ text: "abc", failure: undefined });
    expect(Date.now() - started).toBeGreaterThanOrEqual(100_000);
  });

  it("is noticed by silence, which comments break", async () => {
    const silent = new FakeServer(
      () => events(tokens(1, "a"), { end: "open" }),
      () => events(tokens(2, "b") + DONE),
    );
    const started = Date.now();
    expect((await ask(silent)).text).toBe("ab");
    expect(Date.now() - started).toBeGreaterThanOrEqual(45_000);

    const alive = new FakeServer(() => {
      let comments = 0;
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 15_000));
          if (++comments < 10) return controller.enqueue(new TextEncoder().encode(": keep-alive\n\n"));
          controller.enqueue(new TextEncoder().encode(tokens(1, "late") + DONE));
          controller.close();
        },
      });
      return new Response(body, { headers: { "x-stream-id": "str_1" } });
    });
    expect((await ask(alive)).text).toBe("late");
    expect(alive.lines).toEqual(["POST chat"]);
  });

  it("does not ask a server without a pause that breaks off at once each time", async () => {
    const server = new FakeServer(() => events("", { end: "close" }));
    const controller = new AbortController();
    const reading = read(askChat(QUESTION, controller.signal, server));
    setTimeout(() => controller.abort(), 10_000);
    await reading;
    expect(server.lines.filter((line) => line.startsWith("GET")).length).toBeLessThan(8);
  });
});

describe("an answer that an earlier page asked for", () => {
  it("is read from its first token", async () => {
    const server = new FakeServer(() => events(tokens(1, "a", "b") + DONE));
    expect((await read(resumeChat("str_9", never, server))).text).toBe("ab");
    expect(server.lines).toEqual(["GET chat/streams/str_9 0"]);
  });
});

describe("stopping", () => {
  async function stopWith(server: FakeServer, reason?: unknown): Promise<Outcome> {
    const controller = new AbortController();
    const stream = askChat(QUESTION, controller.signal, server);
    return read(
      (async function* () {
        for await (const update of stream) {
          yield update;
          if (update.type === "tokens") controller.abort(reason);
        }
      })(),
    );
  }

  it("ends the answer on the server too", async () => {
    const server = new FakeServer(() => events(tokens(1, "a"), { end: "open" }));
    const { failure } = await stopWith(server);
    expect(failure).toMatchObject({ name: "AbortError" });
    expect(server.lines).toEqual(["POST chat", "DELETE chat/streams/str_1"]);
  });

  it("leaves the answer running where only the page leaves", async () => {
    const server = new FakeServer(() => events(tokens(1, "a"), { end: "open" }));
    await stopWith(server, LEAVE);
    expect(server.lines).toEqual(["POST chat"]);
  });

  it("ends the request where the answer has no id yet", async () => {
    let aborted = false;
    const server = new FakeServer(
      (_, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            aborted = true;
            reject(signal.reason);
          });
        }),
    );
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1000);
    const { failure } = await ask(server, controller.signal);
    expect(failure).toMatchObject({ name: "AbortError" });
    expect(aborted).toBe(true);
    expect(server.watch.isGone).toBe(false);
  });

  it("works while the connection is lost", async () => {
    const server = new FakeServer(() => events(tokens(1, "a"), { end: "break" }), noNetwork);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 3000);
    await ask(server, controller.signal);
    expect(server.lines.at(-1)).toBe("DELETE chat/streams/str_1");
    server.watch.reportThere();
  });
});
