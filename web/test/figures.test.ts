import { describe, expect, it } from "vitest";
import { figures } from "../src/thread/answer-footer.tsx";
import { duration } from "../src/thread/duration.ts";

describe("the figures under an answer", () => {
  it("say how fast it came, how long it is and when it began", () => {
    expect(figures({ tokens: 20_001, streamingMs: 10_000, firstTokenMs: 48 })).toEqual([
      "2,000 tokens/s",
      "20,001 tokens",
      "first after 48 ms",
    ]);
  });

  it("say only what is known", () => {
    expect(figures({})).toEqual([]);
    expect(figures({ tokens: 1, streamingMs: 0, firstTokenMs: 1500 })).toEqual([
      "1 token",
      "first after 1.5 s",
    ]);
  });

  it.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [6349, "6.3 s"],
    [59_949, "59.9 s"],
    [59_960, "1 min 0 s"],
    [125_400, "2 min 5 s"],
  ])("say %i ms as %s", (ms, words) => {
    expect(duration(ms)).toBe(words);
  });
});
