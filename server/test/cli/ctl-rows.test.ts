import { describe, expect, test } from "vitest";
import { age, bytes, id, percent, plain } from "../../src/cli/ctl-rows.ts";

describe("for people", () => {
  test.each([
    [0, "0s"],
    [0.04, "0s"],
    [0.44, "0.4s"],
    [9.94, "9.9s"],
    [9.96, "10s"],
    [59.4, "59s"],
    [59.6, "1m00s"],
    [192, "3m12s"],
    [3599, "59m59s"],
    [3600, "1h00m"],
    [7500, "2h05m"],
    [86_400, "1d00h"],
    [273_600, "3d04h"],
    [-1.5, "-1.5s"],
    [-75, "-1m15s"],
    [null, "-"],
    [undefined, "-"],
  ])("%s seconds are %s", (seconds, text) => {
    expect(age(seconds)).toBe(text);
  });

  test.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [88_080_384, "84 MiB"],
    [1_610_612_736, "1.5 GiB"],
    [null, "-"],
  ])("%s bytes are %s", (value, text) => {
    expect(bytes(value)).toBe(text);
  });

  test("shares are percentages, numbers have commas unless they are names, lists are joined", () => {
    expect([percent(0.254), percent(0), percent(null)]).toEqual(["25%", "0%", "-"]);
    expect([plain(1234567), id(1234567), plain(["a", "b"]), plain([]), plain("")]).toEqual([
      "1,234,567",
      "1234567",
      "a, b",
      "-",
      "-",
    ]);
  });
});
