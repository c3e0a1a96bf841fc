import { describe, expect, it } from "vitest";
import type { Piece } from "../../../src/models/model.ts";
import { EmittedSkip } from "../../../src/models/openai/emitted-skip.ts";
import { mergeToolCalls } from "../../../src/v1/tool-calls.ts";

const call = (index: number, args: string, first: object = {}) => ({
  toolCalls: [{ index, ...first, function: { ...("id" in first && { name: "f" }), arguments: args } }],
});
const begin = (index: number, id: string, args = "") => call(index, args, { id, type: "function" });

/** What the reader has and what the new answer adds, in one. */
function joined(pieces: readonly Piece[]) {
  const said = (name: "reasoning" | "refusal") =>
    pieces
      .map((piece) => (typeof piece === "object" && name in piece ? Reflect.get(piece, name) : ""))
      .join("");
  return {
    text: pieces.filter((piece) => typeof piece === "string").join(""),
    thought: said("reasoning"),
    refusal: said("refusal"),
    calls: mergeToolCalls(pieces),
  };
}

/** Goes on with an answer of which the reader has `emitted`, as the upstream says it this time. */
function goOn(emitted: readonly Piece[], again: readonly Piece[]): Piece[] {
  const skip = new EmittedSkip(emitted);
  const rest = again.flatMap((piece) => skip.rest(piece) ?? []);
  skip.end();
  return rest;
}

describe("an answer that goes on in another worker", () => {
  const ANSWERS: Record<string, [first: Piece[], again: Piece[]]> = {
    "tool calls, one after the other": [
      [begin(0, "a"), call(0, '{"a"'), call(0, ":1}"), begin(1, "b", '{"b":'), call(1, "2}")],
      [begin(0, "x", '{"a":1'), call(0, "}"), begin(1, "y", '{"b":2}')],
    ],
    "tool calls whose parts alternate": [
      [begin(0, "a"), begin(1, "b"), call(0, '{"a"'), call(1, '{"b"'), call(0, ":1}"), call(1, ":2}")],
      [begin(0, "x", '{"a":1}'), begin(1, "y", '{"b":2}')],
    ],
    "several tool calls in one piece": [
      [{ toolCalls: [...begin(0, "a", "{}").toolCalls, ...begin(1, "b", "{}").toolCalls] }, call(1, " ")],
      [begin(0, "x", "{}"), begin(1, "y", "{} ")],
    ],
    "text and a tool call behind thinking": [
      [{ reasoning: "h" }, { reasoning: "m" }, "Let", " me", begin(0, "a"), call(0, "{}")],
      [{ reasoning: "hm" }, "Let me", begin(0, "x", "{}")],
    ],
    "a refusal": [[{ refusal: "I " }, { refusal: "can" }, { refusal: "not" }], [{ refusal: "I cannot" }]],
    "a refusal behind text": [
      ["Well", ".", { refusal: "No" }, { refusal: "." }],
      ["Well.", { refusal: "N" }, { refusal: "o." }],
    ],
  };

  it.each(Object.entries(ANSWERS))("has each part once: %s", (_name, [first, again]) => {
    const ids = [...joined(first).calls].map(({ id }) => id);
    for (let at = 0; at <= first.length; at++) {
      const emitted = first.slice(0, at);
      const { calls, ...whole } = joined([...emitted, ...goOn(emitted, again)]);
      const { calls: expected, ...rest } = joined(first);
      expect(whole).toEqual(rest);
      // The reader keeps the ids that it has.
      const known = joined(emitted).calls.length;
      expect(calls).toEqual(
        joined(again).calls.map((each, index) => (index < known ? { ...each, id: ids[index] } : each)),
      );
      expect(calls.map(({ function: said }) => said)).toEqual(expected.map(({ function: said }) => said));
    }
  });

  it("has a refusal once where its reader was told it as text", () => {
    expect(goOn(["I can"], [{ refusal: "I " }, { refusal: "cannot" }])).toEqual([{ refusal: "not" }]);
  });

  it("leaves out no thoughts that its reader does not see", () => {
    expect(goOn(["Hel"], [{ reasoning: "hm" }, "Hello"])).toEqual([{ reasoning: "hm" }, "lo"]);
  });

  it.each<[string, Piece[], Piece[]]>([
    ["another text", ["Hello"], ["Hallo"]],
    ["less text", ["Hello", " you"], ["Hello"]],
    ["no text", ["Hello"], []],
    ["fewer thoughts", [{ reasoning: "hm, so" }], [{ reasoning: "hm" }, "Hello"]],
    ["an answer in place of a refusal", [{ refusal: "No" }], ["Yes"]],
    ["a refusal in place of an answer", ["Yes"], [{ refusal: "No" }]],
    ["half a refusal", [{ refusal: "I cannot" }], [{ refusal: "I" }]],
    ["text in place of a tool call", [begin(0, "a")], ["Hello"]],
    [
      "another tool",
      [begin(0, "a")],
      [{ toolCalls: [{ index: 0, id: "x", function: { name: "g", arguments: "" } }] }],
    ],
    ["other arguments", [begin(0, "a", '{"a":1')], [begin(0, "x", '{"a":2}')]],
    ["fewer arguments", [begin(0, "a", '{"a":1}')], [begin(0, "x", '{"a"')]],
    ["fewer tool calls", [begin(0, "a", "{}"), begin(1, "b", "{}")], [begin(0, "x", "{}")]],
  ])("fails where the upstream says something else: %s", (_name, emitted, again) => {
    expect(() => goOn(emitted, again)).toThrow("gave another answer");
  });
});
