import { describe, expect, it, vi } from "vitest";
import { Answer, toFailure } from "../src/runtime/answer.ts";
import { readFacts } from "../src/runtime/answer-facts.ts";
import { ChatFailure } from "../src/server/chat-error.ts";

const factsOf = (answer: Answer, ended: boolean) => readFacts(answer.result(ended).metadata?.custom);

describe("an answer while it comes", () => {
  it("shows its text so far, and tells its tokens and times", () => {
    vi.useFakeTimers();
    try {
      const answer = new Answer({ thinking: false, model: "big" });
      vi.advanceTimersByTime(300);
      answer.take({ type: "tokens", tokens: ["Hel", "lo"] });
      expect(answer.result(false).content).toEqual([{ type: "text", text: "Hello" }]);
      vi.advanceTimersByTime(2000);
      answer.take({ type: "tokens", tokens: ["!"] });
      expect(answer.result(true)).toEqual({
        content: [{ type: "text", text: "Hello!" }],
        status: { type: "complete", reason: "stop" },
        metadata: { custom: { model: "big", tokens: 3, firstTokenMs: 300, streamingMs: 2000 } },
      });
    } finally {
      vi.useRealTimers();
    }
  });

  it("tells its place in the queue until it is its turn, and that the connection is lost", () => {
    const answer = new Answer({ thinking: false });
    answer.take({ type: "queued", place: 4 });
    expect(factsOf(answer, false)).toEqual({ queuePlace: 4 });
    answer.take({ type: "connection", lost: true });
    expect(factsOf(answer, false)).toEqual({ queuePlace: 4, reconnecting: true });
    expect(factsOf(answer, true)).toEqual({});
    answer.take({ type: "tokens", tokens: ["a"] });
    expect(factsOf(answer, false)).toEqual({ tokens: 1, firstTokenMs: expect.any(Number), streamingMs: 0 });
  });

  it("tells no speed where it was read again after a reload", () => {
    const answer = new Answer({ thinking: false, replayed: true });
    answer.take({ type: "tokens", tokens: ["a", "b"] });
    expect(factsOf(answer, true)).toEqual({ tokens: 2 });
  });

  it("has its thinking phase apart, where one was asked for", () => {
    const update = { type: "tokens" as const, tokens: ["[thinking", "...]", "\n\n", "Yes"] };
    const thinking = new Answer({ thinking: true });
    thinking.take(update);
    expect(thinking.result(true).content).toEqual([
      { type: "reasoning", text: "thinking..." },
      { type: "text", text: "Yes" },
    ]);
    const plain = new Answer({ thinking: false });
    plain.take(update);
    expect(plain.result(true).content).toEqual([{ type: "text", text: "[thinking...]\n\nYes" }]);
  });

  it("ends as stopped where it was stopped, and as failed with what is known", () => {
    const stopped = new Answer({ thinking: false });
    stopped.take({ type: "stopped" });
    expect(stopped.result(true).status).toEqual({ type: "incomplete", reason: "cancelled" });

    const failed = new Answer({ thinking: false });
    failed.take({ type: "tokens", tokens: ["half"] });
    failed.fail(new ChatFailure("broken", "It broke.", { requestId: "r-1" }));
    expect(failed.result(true)).toMatchObject({
      content: [{ type: "text", text: "half" }],
      status: { type: "incomplete", reason: "error" },
    });
    expect(factsOf(failed, true).failure).toEqual({
      kind: "broken",
      message: "It broke.",
      requestId: "r-1",
    });
  });

  it("turns the seconds to wait into a moment", () => {
    expect(toFailure(new ChatFailure("busy", "Later.", { retryAfter: 7 }), 1000)).toEqual({
      kind: "busy",
      message: "Later.",
      retryAt: 8000,
    });
  });

  // What that costs, the bench measures: the page's frames.
  it("counts 20,000 tokens that are shown at each frame", () => {
    const answer = new Answer({ thinking: false });
    for (let frame = 0; frame < 1000; frame++) {
      answer.take({ type: "tokens", tokens: Array<string>(20).fill("word ") });
      answer.result(false);
    }
    expect(factsOf(answer, true).tokens).toBe(20_000);
  });
});
