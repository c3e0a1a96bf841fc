import { describe, expect, test } from "vitest";
import { makeRow } from "../row.ts";
import { median, range } from "../statistics.ts";
import { table } from "../table.ts";

const HEAD = {
  name: "speed",
  title: "speed",
  unit: "tokens/s",
  target: { comparison: "ratio", bound: "at least", limit: 6 },
} as const;

describe("a row", () => {
  test("one disturbed pair does not decide", () => {
    const row = makeRow(HEAD, [
      { ours: 70, other: 10 },
      { ours: 10, other: 10 },
      { ours: 80, other: 10 },
    ]);
    expect(row).toMatchObject({
      ours: 70,
      other: 10,
      compared: 7,
      spread: { low: 1, high: 8 },
      reached: true,
    });
  });

  test("a limit that is just missed is not reached", () => {
    expect(makeRow(HEAD, [{ ours: 59.9, other: 10 }]).reached).toBe(false);
    const atMost = { ...HEAD, target: { comparison: "difference", bound: "at most", limit: 1 } } as const;
    expect(makeRow(atMost, [{ ours: 1.5, other: 0.5 }]).reached).toBe(true);
    expect(makeRow(atMost, [{ ours: 1.6, other: 0.5 }]).reached).toBe(false);
  });

  test("that only tells has nothing to reach", () => {
    const told = { ...HEAD, target: { comparison: "ratio", bound: "none" } } as const;
    expect(makeRow(told, [{ ours: 3, other: 2 }])).toMatchObject({ compared: 1.5, reached: null });
  });

  test("without figures nothing is reached", () => {
    const none = { ...HEAD, target: { comparison: "absolute", bound: "at most", limit: 1 } } as const;
    expect(makeRow(none, []).reached).toBe(false);
    expect(makeRow(none, [{ ours: Number.NaN, other: null }]).reached).toBe(false);
  });
});

test("medians and ranges of lists of any length", () => {
  expect(median([])).toBe(0);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(range([2, 1, 3])).toEqual({ low: 1, high: 3 });
});

test("the table says what was compared with what, and what was to be reached", () => {
  const first = { name: "first", title: "first token", unit: "ms" };
  const text = table([
    makeRow(HEAD, [
      { ours: 70_000, other: 10_000 },
      { ours: 60_000, other: 10_000 },
    ]),
    makeRow({ ...first, target: { comparison: "difference", bound: "at most", limit: 1 } }, [
      { ours: 0.75, other: 0.5 },
    ]),
    makeRow({ ...first, target: { comparison: "ratio", bound: "none" } }, [{ ours: 3, other: 2 }]),
    makeRow({ ...first, unit: "", target: { comparison: "absolute", bound: "at most", limit: 0 } }, [
      { ours: 2, other: null },
    ]),
  ]);
  expect(text.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["measure", "ours", "bare", "ratio", "target", "reached", "spread"],
    expect.anything(),
    ["speed", "65,000 tokens/s", "10,000 tokens/s", "6.50 ×", "≥ 6 ×", "yes", "6 × … 7 ×"],
    ["first token", "0.750 ms", "0.500 ms", "+0.250 ms", "≤ +1 ms", "yes"],
    ["first token", "3 ms", "2 ms", "1.50 ×"],
    ["first token", "2", "≤ 0", "no"],
  ]);
});
