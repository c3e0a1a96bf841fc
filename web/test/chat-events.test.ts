import { describe, expect, it } from "vitest";
import { readChatEvent } from "../src/server/chat-events.ts";

const message = (data: string, id?: string) => readChatEvent({ event: "message", id, data });

describe("reading the events of an answer", () => {
  it("reads a token with its number", () => {
    expect(message('{"token": "a"}', "12")).toEqual({ type: "token", token: "a", number: 12 });
    expect(message('{"token": ""}')).toEqual({ type: "token", token: "", number: undefined });
    expect(message('{"token": "a"}', "12x")).toMatchObject({ number: undefined });
  });

  it("reads the place in the queue, the end and an error", () => {
    expect(readChatEvent({ event: "queued", id: undefined, data: '{"position": 3}' })).toEqual({
      type: "queued",
      place: 3,
    });
    expect(message("[DONE]")).toEqual({ type: "done" });
    expect(message('{"error": {"type": "timeout", "message": "Too long."}}')).toEqual({
      type: "error",
      error: "timeout",
      message: "Too long.",
    });
  });

  it("takes what is not JSON for an error, and reads over what it does not know", () => {
    expect(message("<html>")).toMatchObject({ type: "error" });
    expect(message('{"error": null}')).toEqual({
      type: "error",
      error: "unknown",
      message: "The answer broke off.",
    });
    expect(message('{"usage": 3}')).toBeUndefined();
    expect(readChatEvent({ event: "news", id: undefined, data: '{"token": "a"}' })).toBeUndefined();
    expect(readChatEvent({ event: "queued", id: undefined, data: "{}" })).toBeUndefined();
  });
});
