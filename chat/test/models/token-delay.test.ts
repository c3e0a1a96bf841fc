import { describe, expect, it } from "vitest";
import { parseTokenDelay, pickDelay } from "../../src/models/token-delay.ts";

describe("the delay setting", () => {
  it.each([
    ["0", { min: 0, max: 0 }],
    ["20", { min: 20, max: 20 }],
    ["30-80", { min: 30, max: 80 }],
    [" 5-5 ", { min: 5, max: 5 }],
  ])("reads %j", (value, delay) => {
    expect(parseTokenDelay(value)).toEqual(delay);
  });

  it.each(["fast", "80-30", "-5", "1.5", "10-", "1-2-3", "20ms", "1e3", "100000"])(
    "refuses %j and says which setting it is and what it takes",
    (value) => {
      expect(() => parseTokenDelay(value)).toThrow(`CHAT_TOKEN_DELAY_MS must be milliseconds`);
      expect(() => parseTokenDelay(value)).toThrow(JSON.stringify(value));
    },
  );

  it("picks delays over the whole range, both ends included", () => {
    const picked = new Set(Array.from({ length: 500 }, () => pickDelay({ min: 3, max: 5 })));
    expect([...picked].sort()).toEqual([3, 4, 5]);
  });
});
