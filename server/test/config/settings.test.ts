import { readFileSync } from "node:fs";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { TsunicornConfig } from "../../src/config/define-config.ts";
import { renderSettingsMarkdown } from "../../src/config/markdown.ts";
import { SETTING_NAMES, type Settings, settings } from "../../src/config/settings.ts";
import { flagOf, variableOf } from "../../src/config/spelling.ts";

describe("the table of settings", () => {
  test.each(SETTING_NAMES)("describes %s in one sentence", (name) => {
    expect(settings[name].description).toMatch(/^[A-Z].*[^.]\.$/);
    expect(settings[name].description).not.toMatch(/\.\s+[A-Z]/);
  });

  test.each(SETTING_NAMES)("gives %s a default that its own check accepts, or says what it is", (name) => {
    const { default: value, defaultText, validator } = settings[name];
    if (value === undefined || typeof value === "function") expect(defaultText).toBeTruthy();
    else expect(validator.parse(value)).toEqual(value);
  });

  test("has no flag, letter or variable twice", () => {
    const words = SETTING_NAMES.flatMap((name) => [flagOf(name), variableOf(name), settings[name].letter]);
    const given = words.filter((word) => word !== undefined);
    expect(new Set(given).size).toBe(given.length);
  });

  test("spells flags and variables as their users expect", () => {
    expect(flagOf("dirtyGracefulTimeout")).toBe("dirty-graceful-timeout");
    expect(flagOf("dirtyApps")).toBe("dirty-app");
    expect(variableOf("dirtyGracefulTimeout")).toBe("TSUNICORN_DIRTY_GRACEFUL_TIMEOUT");
    expect(variableOf("dirtyApps")).toBe("TSUNICORN_DIRTY_APPS");
  });

  test("types the settings and the config file", () => {
    expectTypeOf<Settings["bind"]>().toEqualTypeOf<string[]>();
    expectTypeOf<Settings["workers"]>().toEqualTypeOf<number>();
    expectTypeOf<Settings["dirtyBind"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<Settings["logLevel"]>().toEqualTypeOf<"debug" | "info" | "warn" | "error">();
    expectTypeOf<TsunicornConfig["bind"]>().toEqualTypeOf<string | readonly string[] | undefined>();
    expectTypeOf<TsunicornConfig["accessLog"]>().toEqualTypeOf<boolean | undefined>();
    expectTypeOf<TsunicornConfig>().not.toHaveProperty("config");
  });
});

test("docs/settings.md is up to date (node scripts/docs-settings.mjs writes it)", () => {
  const page = readFileSync(new URL("../../../docs/settings.md", import.meta.url), "utf8");
  expect(page).toBe(renderSettingsMarkdown());
});
