import { describe, expect, it } from "vitest";
import { AnswerParts } from "../../src/models/answer-parts.ts";
import type { Piece } from "../../src/models/model.ts";

const MARKS = { prefix: "<think>", suffix: "</think>", open: false };

/** What is delivered of a text that comes in such pieces, with neighbours of one kind joined. */
function parts(texts: readonly string[], made: AnswerParts): [thought: string, answer: string] {
  const pieces: Piece[] = [...texts.flatMap((text) => made.push(text)), ...made.end()];
  expect(pieces).not.toContain("");
  const thought = pieces.map((piece) =>
    typeof piece === "object" && "reasoning" in piece ? piece.reasoning : "",
  );
  return [thought.join(""), pieces.filter((piece) => typeof piece === "string").join("")];
}

const TEXT = "<think>\nLet me <b>see</b>.\n</think>\n\nIt is <think>four</think>.";

describe("thoughts", () => {
  it("are told from the answer wherever the text is cut, without their marks", () => {
    for (let size = 1; size <= TEXT.length; size++) {
      const texts = TEXT.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? [];
      expect(parts(texts, new AnswerParts(MARKS, [], []))).toEqual([
        "Let me <b>see</b>.\n",
        "It is <think>four</think>.",
      ]);
    }
  });

  it("are not looked for where the answer only speaks of them", () => {
    const text = "Write <think> first.";
    expect(parts([...text], new AnswerParts(MARKS, [], []))).toEqual(["", text]);
    expect(parts(["<thi", "s>"], new AnswerParts(MARKS, [], []))).toEqual(["", "<this>"]);
  });

  it("may be open from the first token on, and go on behind what was emitted", () => {
    const open = new AnswerParts({ ...MARKS, open: true }, [], []);
    expect(parts(["Hm.", "</think>", " Yes."], open)).toEqual(["Hm.", "Yes."]);
    const going = new AnswerParts(MARKS, [], [{ reasoning: "Let" }]);
    expect(parts([" me", "</think>", "Yes."], going)).toEqual([" me", "Yes."]);
    const answering = new AnswerParts(MARKS, [], [{ reasoning: "Let" }, "Yes"]);
    expect(parts([", I", " do"], answering)).toEqual(["", ", I do"]);
  });

  it("that never end are thoughts", () => {
    expect(parts(["<think>", "a", "</thi"], new AnswerParts(MARKS, [], []))).toEqual(["a</thi", ""]);
  });
});

describe("a stop text", () => {
  it("ends the answer, and is not looked for in thoughts", () => {
    const made = new AnswerParts(MARKS, ["four"], []);
    expect(parts(["<think>is it four?</think>It is f", "our, so"], made)).toEqual(["is it four?", "It is "]);
    expect(made.stopped).toBe(true);
    expect(made.push("more")).toEqual([]);
  });
});
