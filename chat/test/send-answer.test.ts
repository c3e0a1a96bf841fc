import Fastify, { type FastifyInstance } from "fastify";
import { DirtyCancelledError, DirtyQueueFullError, type DirtyStream } from "tsunicorn";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KEEP_ALIVE_MS } from "../src/keep-alive.ts";
import { errorReplies } from "../src/plugins/error-replies.ts";
import { type AnswerOptions, type StreamPosition, sendAnswer } from "../src/send-answer.ts";

/** A call whose acceptance and batches come as a test says. An error in the place of a batch is thrown. */
interface Script {
  accepted?: () => Promise<void>;
  batches?: (string[] | Error)[];
  /** Waited for before the first batch. */
  before?: Promise<void>;
}

function call({ accepted = async () => {}, batches = [], before }: Script): DirtyStream<string> {
  const iterate = async function* () {
    await before;
    for (const batch of batches) {
      if (batch instanceof Error) throw batch;
      yield batch;
    }
  };
  return { accepted, batches: iterate } as unknown as DirtyStream<string>;
}

let app: FastifyInstance;
/** What the last call was made with. */
let made: AnswerOptions;

function get(script: Script, position?: StreamPosition) {
  app = Fastify();
  errorReplies(app);
  const open = (options: AnswerOptions) => {
    made = options;
    return call(script);
  };
  app.get("/", (request, reply) => sendAnswer(open, request, reply, position));
  return app.inject("/");
}

const ID = "str_0123456789012345678901";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});

afterEach(async () => {
  expect(vi.getTimerCount(), "timers that are left").toBe(0);
  vi.useRealTimers();
  await app.close();
});

describe("a plain answer", () => {
  it("has data lines only, and is not asked whether it is accepted", async () => {
    const accepted = () => Promise.reject(new Error("asked"));
    const { headers, body } = await get({ accepted, batches: [["a", "b"], ["c"]] });
    expect(body).toBe(
      'data: {"token": "a"}\n\ndata: {"token": "b"}\n\ndata: {"token": "c"}\n\ndata: [DONE]\n\n',
    );
    expect(headers).not.toHaveProperty("x-stream-id");
    expect(made).not.toHaveProperty("onQueued");
  });

  it("that fails before its first token is a status", async () => {
    const { statusCode, body } = await get({ batches: [new DirtyQueueFullError("full")] });
    expect(statusCode).toBe(429);
    expect(JSON.parse(body)).toHaveProperty("detail");
  });
});

describe("a resumable answer", () => {
  it("numbers its tokens from where it begins, across batches, and not its end", async () => {
    const { statusCode, headers, body } = await get({ batches: [["a", "b"], ["c"]] }, { id: ID, after: 7 });
    expect(statusCode).toBe(200);
    expect(headers["x-stream-id"]).toBe(ID);
    expect(headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    expect(body).toBe(
      'id: 8\ndata: {"token": "a"}\n\nid: 9\ndata: {"token": "b"}\n\nid: 10\ndata: {"token": "c"}\n\ndata: [DONE]\n\n',
    );
  });

  it("that is refused is a status, and no id is given away", async () => {
    const accepted = () => Promise.reject(new DirtyQueueFullError("full"));
    const { statusCode, headers, body } = await get({ accepted }, { id: ID, after: 0 });
    expect(statusCode).toBe(429);
    expect(headers).not.toHaveProperty("x-stream-id");
    expect(JSON.parse(body)).toEqual({ detail: "Too many requests are waiting. Try again later." });
  });

  it("that fails after it was accepted says so in an event", async () => {
    for (const [batches, before] of [
      [[], ""],
      [[["a"]], 'id: 1\ndata: {"token": "a"}\n\n'],
    ] as const) {
      const failing = [...batches, new DirtyCancelledError("by name")].map((batch) =>
        batch instanceof Error ? batch : [...batch],
      );
      const { statusCode, body } = await get({ batches: failing }, { id: ID, after: 0 });
      expect(statusCode).toBe(200);
      expect(body).toBe(
        `${before}data: {"error":{"type":"cancelled","message":"The answer was cancelled."}}\n\n`,
      );
    }
  });

  it("sends comments while it waits for its first token, and none after it", async () => {
    let go = () => {};
    const before = new Promise<void>((resolve) => {
      go = resolve;
    });
    const reply = get({ batches: [["a"]], before }, { id: ID, after: 0 });
    await vi.waitUntil(() => vi.getTimerCount() === 1);
    vi.advanceTimersByTime(2 * KEEP_ALIVE_MS);
    go();
    expect((await reply).body).toBe(
      ': keep-alive\n\n: keep-alive\n\nid: 1\ndata: {"token": "a"}\n\ndata: [DONE]\n\n',
    );
  });

  it("tells its place while it waits, each once, behind the headers and before its first token", async () => {
    let go = () => {};
    const before = new Promise<void>((resolve) => {
      go = resolve;
    });
    // The first place is known before the answer counts as accepted.
    const accepted = async () => made.onQueued?.(3);
    const reply = get({ accepted, batches: [["a"], ["b"]], before }, { id: ID, after: 0 });
    await vi.waitUntil(() => vi.getTimerCount() === 1);
    for (const place of [3, 2, 1]) made.onQueued?.(place);
    go();
    const { statusCode, body } = await reply;
    expect(statusCode).toBe(200);
    made.onQueued?.(1);
    expect(body).toBe(
      [3, 2, 1].map((place) => `event: queued\ndata: {"position": ${place}}\n\n`).join("") +
        'id: 1\ndata: {"token": "a"}\n\nid: 2\ndata: {"token": "b"}\n\ndata: [DONE]\n\n',
    );
  });

  it("says nothing of places where it has begun already", async () => {
    let go = () => {};
    const before = new Promise<void>((resolve) => {
      go = resolve;
    });
    const reply = get({ batches: [["b"]], before }, { id: ID, after: 1 });
    await vi.waitUntil(() => vi.getTimerCount() === 1);
    expect(made).not.toHaveProperty("onQueued");
    go();
    expect((await reply).body).toBe('id: 2\ndata: {"token": "b"}\n\ndata: [DONE]\n\n');
  });
});
