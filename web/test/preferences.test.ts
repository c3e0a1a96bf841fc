import { describe, expect, it } from "vitest";
import { getPreferences, readPreferences, setPreferences, subscribePreferences } from "../src/preferences.ts";

describe("what the user chose", () => {
  it("is read back, and what makes no sense gets its default", () => {
    expect(readPreferences('{"thinking":true,"model":"big","theme":"dark","sidebar":false}')).toEqual({
      thinking: true,
      model: "big",
      theme: "dark",
      sidebar: false,
    });
    const defaults = { thinking: false, theme: "system", sidebar: true };
    for (const stored of [
      null,
      "",
      "{",
      "3",
      "null",
      '{"thinking":"yes","model":3,"theme":"pink","sidebar":0}',
    ]) {
      expect(readPreferences(stored), String(stored)).toEqual(defaults);
    }
  });

  it("holds, and is told, where the browser keeps nothing", () => {
    let told = 0;
    const stop = subscribePreferences(() => told++);
    setPreferences({ theme: "dark" });
    expect(getPreferences()).toEqual({ thinking: false, theme: "dark", sidebar: true });
    expect(getPreferences()).toBe(getPreferences());
    stop();
    setPreferences({ theme: "light" });
    expect(told).toBe(1);
  });
});
