import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DONE_EVENT, errorEvent, numberedTokenEvents, queuedEvent, tokenEvent } from "../src/sse.ts";
import { jsonOf } from "./event-parts.ts";

describe("server-sent events", () => {
  it("are spaced as the seed shows", () => {
    expect(tokenEvent("Hello") + tokenEvent("!") + tokenEvent(" ") + tokenEvent("I'm") + DONE_EVENT).toBe(
      'data: {"token": "Hello"}\n\ndata: {"token": "!"}\n\ndata: {"token": " "}\n\ndata: {"token": "I\'m"}\n\ndata: [DONE]\n\n',
    );
  });

  it("of a resumable answer are the same, each with its number", () => {
    expect(["a", "b"].map(numberedTokenEvents(0)).join("")).toBe(
      `id: 1\n${tokenEvent("a")}id: 2\n${tokenEvent("b")}`,
    );
    expect(["c"].map(numberedTokenEvents(99))).toEqual([`id: 100\n${tokenEvent("c")}`]);
  });

  it("of a place in the queue have a type of their own, and no number", () => {
    expect(queuedEvent(12)).toBe('event: queued\ndata: {"position": 12}\n\n');
  });

  it("say what went wrong", () => {
    expect(errorEvent({ type: "timeout", message: "The answer took too long." })).toBe(
      'data: {"error":{"type":"timeout","message":"The answer took too long."}}\n\n',
    );
  });

  it("carry any token in one data line, unharmed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (token) => {
        expect(jsonOf(tokenEvent(token))).toEqual([{ token }]);
      }),
    );
  });
});
