import { expect, it } from "vitest";
import { StopCut } from "../../src/models/stop-cut.ts";

/** What passes of a text that comes in these parts. */
function pass(parts: readonly string[], stops: readonly string[]): { told: string[]; found: boolean } {
  const cut = new StopCut(stops);
  const told = parts.map((part) => cut.push(part));
  if (!cut.found) told.push(cut.end());
  return { told: told.filter((part) => part !== ""), found: cut.found };
}

it("a text without stop strings passes as it comes", () => {
  expect(pass(["a", "b"], [])).toEqual({ told: ["a", "b"], found: false });
});

it("nothing of a stop string is ever told, however it is cut", () => {
  const text = "one two END three";
  for (let size = 1; size <= text.length; size++) {
    const parts = text.match(new RegExp(`.{1,${size}}`, "g")) ?? [];
    const { told, found } = pass(parts, ["END", "never"]);
    expect(told.join(""), `in parts of ${size}`).toBe("one two ");
    expect(found).toBe(true);
  }
});

it("the first to come wins, and what only looks like a beginning is told as soon as that is known", () => {
  expect(pass(["ab", "c"], ["bd", "c"])).toEqual({ told: ["a", "b"], found: true });
  expect(pass(["aa", "ab"], ["aab"])).toEqual({ told: ["a"], found: true });
  expect(pass(["EN", "D"], ["END."])).toEqual({ told: ["END"], found: false });
});
