import Fastify, { type FastifyInstance } from "fastify";
import { DirtyAppError, DirtyQueueFullError, DirtyTimeoutError, getLogger } from "tsunicorn";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KEEP_ALIVE_MS } from "../../src/keep-alive.ts";
import { errorReplies } from "../../src/plugins/error-replies.ts";
import { ChatFormat } from "../../src/v1/completion-format.ts";
import type { Batch, ModelClient } from "../../src/v1/model-client.ts";
import { streamCompletion } from "../../src/v1/send-completion.ts";
import { partsOf } from "../event-parts.ts";

const ASKED = { prompt: "hi there", messages: [], thinking: false };
const FINISH = { finish: { reason: "stop", promptTokens: 9, completionTokens: 2 } } as const;

let app: FastifyInstance;

/** A model that says this, each batch in a turn of its own. An error in the place of a batch is thrown. */
function get(batches: (Batch | Error)[], before?: Promise<void>) {
  const complete = async function* () {
    await before;
    for (const batch of batches) {
      if (batch instanceof Error) throw batch;
      yield batch;
    }
  };
  const model = { name: "m", complete } as unknown as ModelClient;
  app = Fastify();
  errorReplies(app);
  app.get("/v1/test", (request, reply) => {
    const format = new ChatFormat({ model: "m", includeUsage: true });
    return streamCompletion({ model, asked: ASKED, format }, request, reply);
  });
  return app.inject("/v1/test");
}

/** What the events of a stream say, shortly. */
function said(body: string): unknown[] {
  return partsOf(body).map(({ data, comment }) => {
    if (data === undefined) return `: ${comment}`;
    if (data === "[DONE]") return data;
    const { choices, usage, error } = JSON.parse(data);
    return error ?? choices[0]?.finish_reason ?? choices[0]?.delta.content ?? usage;
  });
}

// What fails here fails on purpose.
const { level } = getLogger();

beforeEach(() => {
  getLogger().level = "silent";
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
});

afterEach(async () => {
  expect(vi.getTimerCount(), "timers that are left").toBe(0);
  vi.useRealTimers();
  getLogger().level = level;
  await app.close();
});

function held() {
  let go = () => {};
  const before = new Promise<void>((resolve) => {
    go = resolve;
  });
  return { before, go };
}

describe("a streamed completion", () => {
  it("has its tokens, its end and what it took", async () => {
    const { statusCode, headers, body } = await get([["a", "b"], [FINISH]]);
    expect(statusCode).toBe(200);
    expect(headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 };
    expect(said(body)).toEqual(["", "a", "b", "stop", usage, "[DONE]"]);
  });

  it("that says nothing is whole all the same, also where its app does not say how it ended", async () => {
    const usage = { prompt_tokens: 3, completion_tokens: 0, total_tokens: 3 };
    expect(said((await get([])).body)).toEqual(["", "stop", usage, "[DONE]"]);
  });

  it.each([
    [
      new DirtyQueueFullError("full", { details: { retry_after: 7 } }),
      429,
      "rate_limit_error",
      "queue_full",
      "7",
    ],
    [new DirtyTimeoutError("late"), 504, "server_error", "timeout", undefined],
    [new DirtyAppError("secret"), 500, "server_error", "app_error", undefined],
  ])("that fails before its first token is a status: %s", async (error, status, type, code, retryAfter) => {
    const { statusCode, headers, body } = await get([error]);
    expect(statusCode).toBe(status);
    expect(headers["retry-after"]).toBe(retryAfter);
    expect(JSON.parse(body)).toEqual({ error: { message: expect.any(String), type, param: null, code } });
    expect(body).not.toContain("secret");
  });

  it("that fails later says so in an event, and does not end as if it were whole", async () => {
    const { statusCode, body } = await get([["a"], new DirtyAppError("secret")]);
    expect(statusCode).toBe(200);
    expect(body.slice(body.lastIndexOf("data: "))).toBe(
      'data: {"error":{"message":"The model failed to answer.","type":"server_error","param":null,"code":"app_error"}}\n\n',
    );
    expect(body).not.toContain("[DONE]");
  });

  it("without a token for 15 s begins with comments", async () => {
    const { before, go } = held();
    const reply = get([["a"], [FINISH]], before);
    await vi.waitUntil(() => vi.getTimerCount() === 1);
    vi.advanceTimersByTime(3 * KEEP_ALIVE_MS);
    go();
    const { statusCode, body } = await reply;
    expect(statusCode).toBe(200);
    expect(body.startsWith(": keep-alive\n\n: keep-alive\n\n: keep-alive\n\ndata: {")).toBe(true);
    expect(said(body).slice(3, 6)).toEqual(["", "a", "stop"]);
  });

  it("that fails after its comments says so in its one event", async () => {
    const { before, go } = held();
    const reply = get([new DirtyTimeoutError("late")], before);
    await vi.waitUntil(() => vi.getTimerCount() === 1);
    vi.advanceTimersByTime(KEEP_ALIVE_MS);
    go();
    const { statusCode, body } = await reply;
    expect(statusCode).toBe(200);
    expect(said(body)).toEqual([": keep-alive", expect.objectContaining({ code: "timeout" })]);
  });
});
