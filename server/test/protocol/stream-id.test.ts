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

  test("has no escaped one left in it either", () => {
    const id = createStreamId();
    const escaped = (part: string) => part.replace(/./g, (one) => `%${one.charCodeAt(0).toString(16)}`);
    for (const text of [
      id.replace("_", "%5F"),
      id.replace("s", "%73"),
      `${id.slice(0, -1)}${escaped(id.slice(-1))}`,
      escaped(id),
      escaped(id).toUpperCase(),
    ]) {
      expect(decodeURIComponent(text)).toBe(id);
      expect(redactStreamIds(`/streams/${text}?x=%20`)).toBe("/streams/str_…?x=%20");
    }
    for (const one of "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz") {
      expect(redactStreamIds(escaped(`str_${one.repeat(22)}`))).toBe("str_…");
    }
  });

  test("stays as it is without one", () => {
    for (const text of ["/chat?str_=1", `/chat?text=str_${"%20".repeat(22)}`]) {
      expect(redactStreamIds(text)).toBe(text);
    }
  });
});
