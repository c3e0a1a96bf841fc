import { describe, expect, test } from "vitest";
import { createStreamId, isStreamId, redactStreamIds } from "../../src/protocol/stream-id.ts";

describe("a stream's id", () => {
  test("is str_ and 22 characters that are safe in a path, another one each time", () => {
    const ids = Array.from({ length: 1000 }, createStreamId);
    for (const id of ids) expect(id).toMatch(/^str_[A-Za-z0-9_-]{22}$/);
    expect(new Set(ids).size).toBe(1000);
    expect(ids.every(isStreamId)).toBe(true);
  });

  test.for([
    "",
    "str_",
    "str_short",
    `${createStreamId()}x`,
    ` ${createStreamId()}`,
    `str_${"ä".repeat(22)}`,
  ])("is not %j", (text) => {
    expect(isStreamId(text)).toBe(false);
  });
});

describe("a text for the log", () => {
  test("has no stream id left in it", () => {
    const [one, two] = [createStreamId(), createStreamId()];
    expect(redactStreamIds(`/chat/streams/${one}?other=${two}&x=1`)).toBe(
      "/chat/streams/str_…?other=str_…&x=1",
    );
  });

  test("stays as it is without one", () => {
    expect(redactStreamIds("/chat?str_=1")).toBe("/chat?str_=1");
  });
});
