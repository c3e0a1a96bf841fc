import { describe, expect, it } from "vitest";
import { fitConversation } from "../../src/models/conversation-fit.ts";
import type { GenerateRequest, Message } from "../../src/models/model.ts";

const MIB = 1024 * 1024;

/** Reads a token for each word, and counts the characters that it was given. */
function writer() {
  const given = { characters: 0 };
  const cut = (text: string) => {
    given.characters += text.length;
    return text.split(" ").filter((word) => word !== "");
  };
  return {
    given,
    write: (messages: readonly Message[]) =>
      messages.flatMap(({ content }) => cut(content)).map((_, at) => at),
    count: (text: string) => cut(text).length,
  };
}

const ask = (prompt: string, messages: readonly Message[] = []): GenerateRequest => ({
  prompt,
  messages,
  thinking: false,
  emitted: [],
});

describe("a text that no model of this size could read is not cut into tokens", () => {
  it("as a prompt: it is refused", () => {
    const reader = writer();
    expect(() => fitConversation(ask("word ".repeat(3 * MIB)), 1000, reader)).toThrow(
      `The prompt has ${15 * MIB} characters.`,
    );
    expect(reader.given.characters).toBe(0);
  });

  it("as the system's message: it is refused", () => {
    const reader = writer();
    const system: Message = { role: "system", content: "word ".repeat(3 * MIB) };
    expect(() => fitConversation(ask("hi", [system]), 1000, reader)).toThrow("characters");
    expect(reader.given.characters).toBe(0);
  });

  it("as an older message: it is forgotten", () => {
    const reader = writer();
    const said: Message[] = [
      { role: "user", content: "word ".repeat(3 * MIB) },
      ...Array.from({ length: 8 }, (): Message => ({ role: "assistant", content: "short" })),
    ];
    expect(fitConversation(ask("hi", said), 1000, reader).messages).toEqual([
      ...said.slice(8),
      { role: "user", content: "hi" },
    ]);
    expect(reader.given.characters).toBeLessThan(1000);
  });
});

it("a long text that may fit is read", () => {
  const { tokens } = fitConversation(ask(`${"x".repeat(30_000)} y`), 1000, writer());
  expect(tokens).toHaveLength(2);
});
