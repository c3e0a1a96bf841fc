import { describe, expect, it } from "vitest";
import { splitThinking } from "../src/runtime/thinking.ts";

describe("the thinking phase of an answer", () => {
  const ANSWER = "[thinking...]\n\nHello [you]!";

  it("is split from the answer", () => {
    expect(splitThinking(ANSWER)).toEqual({ thinking: "thinking...", text: "Hello [you]!" });
  });

  it("never shows as text while it comes, wherever it is cut", () => {
    for (let cut = 1; cut < ANSWER.indexOf("H"); cut++) {
      const { thinking, text } = splitThinking(ANSWER.slice(0, cut));
      expect(thinking, `cut at ${cut}`).toBeDefined();
      expect(text, `cut at ${cut}`).toBe("");
    }
  });

  it("is only what stands at the very beginning", () => {
    expect(splitThinking("Hello [thinking...]")).toEqual({
      thinking: undefined,
      text: "Hello [thinking...]",
    });
    expect(splitThinking("[think]")).toEqual({ thinking: undefined, text: "[think]" });
    expect(splitThinking("")).toEqual({ thinking: undefined, text: "" });
  });
});
