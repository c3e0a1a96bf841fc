import { describe, expect, it } from "vitest";
import {
  boundTurns,
  MAX_HISTORY_LENGTH,
  MAX_TURN_LENGTH,
  MAX_TURNS,
  questionOf,
} from "../src/runtime/question.ts";
import { fromStored } from "../src/runtime/stored-message.ts";
import type { StoredMessage } from "../src/store/messages.ts";

let count = 0;
const message = (role: "user" | "assistant", text: string, rest: Partial<StoredMessage> = {}) =>
  fromStored({
    id: `m${++count}`,
    parentId: null,
    role,
    createdAt: count,
    parts: [{ type: "text", text }],
    ...(role === "assistant" && { ending: "complete" as const }),
    ...rest,
  });

describe("the question that a branch ends with", () => {
  it("goes with what was said before it, without thoughts and without failed or empty answers", () => {
    const thought = [
      { type: "reasoning" as const, text: "thinking..." },
      { type: "text" as const, text: "A1" },
    ];
    const branch = [
      message("user", "Q1"),
      message("assistant", "", { parts: thought }),
      message("user", "Q2"),
      message("assistant", "half of it", { ending: "error" }),
      message("user", "Q3"),
      message("assistant", "", { ending: "cancelled", parts: [] }),
      message("user", "Q4"),
      message("assistant", "half", { ending: "cancelled" }),
      message("user", "Q5"),
    ];
    expect(questionOf(branch, { thinking: true, model: "big" })).toEqual({
      prompt: "Q5",
      thinking: true,
      model: "big",
      messages: [
        { role: "user", content: "Q1" },
        { role: "assistant", content: "A1" },
        { role: "user", content: "Q2" },
        { role: "user", content: "Q3" },
        { role: "user", content: "Q4" },
        { role: "assistant", content: "half" },
      ],
    });
  });

  it("names no model that the user did not choose", () => {
    expect(questionOf([message("user", "Q")], { thinking: false })).toEqual({
      prompt: "Q",
      thinking: false,
      messages: [],
    });
    expect(questionOf([], { thinking: false })).toBeUndefined();
  });
});

describe("what was said before", () => {
  const turn = (content: string) => ({ role: "user" as const, content });

  it("loses its oldest messages where there are more than the server takes", () => {
    const turns = Array.from({ length: MAX_TURNS + 5 }, (_, at) => turn(`${at}`));
    const kept = boundTurns(turns);
    expect(kept).toHaveLength(MAX_TURNS);
    expect(kept[0]).toEqual(turn("5"));
    expect(kept.at(-1)).toEqual(turn(`${MAX_TURNS + 4}`));
  });

  it("loses its oldest messages where it is longer than the server takes", () => {
    const turns = Array.from({ length: 10 }, (_, at) => turn(`${at}`.repeat(60_000)));
    const kept = boundTurns(turns);
    expect(kept.map(({ content }) => content[0])).toEqual(["6", "7", "8", "9"]);
    expect(kept.reduce((sum, { content }) => sum + content.length, 0)).toBeLessThanOrEqual(
      MAX_HISTORY_LENGTH,
    );
  });

  it.each(["漢", "\u001b"])("stays below the server's body with nothing but %j", (character) => {
    const turns = Array.from({ length: 10 }, () => message("assistant", character.repeat(50_000)));
    const question = message("user", character.repeat(100_000));
    const asked = questionOf([...turns, question], { thinking: false });
    const body = new TextEncoder().encode(JSON.stringify(asked));
    expect(body.length).toBeLessThan(1024 * 1024);
    expect(asked?.messages.length).toBeGreaterThan(0);
  });

  it("is cut where one message alone is too long, and has no half characters", () => {
    const [cut] = boundTurns([turn(`${"x".repeat(MAX_TURN_LENGTH - 1)}🦄`)]);
    expect(cut?.content).toBe(`${"x".repeat(MAX_TURN_LENGTH - 1)}\uFFFD`);
    expect(boundTurns([turn("a\uD83E b🦄")])).toEqual([turn("a\uFFFD b🦄")]);
    const asked = questionOf([message("user", "half \uDD84")], { thinking: false });
    expect(asked?.prompt).toBe("half \uFFFD");
  });
});
