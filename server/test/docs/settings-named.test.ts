import { describe, expect, test } from "vitest";
import { CTL_FLAGS } from "../../src/cli/ctl-options.ts";
import { isHookName } from "../../src/config/hooks.ts";
import { resolveSettings } from "../../src/config/resolve.ts";
import { isSettingName, SETTING_NAMES, settings } from "../../src/config/settings.ts";
import { flagOf } from "../../src/config/spelling.ts";
import { codeSpans, tableRows, withoutBlocks } from "./markdown.ts";
import { pages, read } from "./pages.ts";

const { settings: defaults } = resolveSettings([], { cwd: "/", configFile: undefined });

/** Flags of other commands and of Node that the docs name too; the last two are the chat's own. */
const FOREIGN_FLAGS = [
  "--build",
  "--write",
  "--max-old-space-size",
  "--model",
  "--openai-base-url",
  // Of Node.
  "--max-old-space-size",
  ...CTL_FLAGS.flatMap(({ form }) => form.match(/--\w+/) ?? []),
];
const FLAGS = ["--help", "--version", "--check-config", "--print-config"].concat(
  SETTING_NAMES.flatMap((name) => {
    const flag = flagOf(name);
    if (flag === undefined) return [];
    return settings[name].kind === "boolean" ? [`--${flag}`, `--no-${flag}`] : [`--${flag}`];
  }),
);

describe("the table of waits in docs/operations.md", () => {
  const rows = tableRows(read("docs/operations.md"), "wait", "setting", "default", "what follows");

  test.each(rows)("says the settings' own defaults: %s", (_wait, names = "", values = "") => {
    const named = codeSpans(names);
    expect(named.filter((name) => !isSettingName(name))).toEqual([]);
    const said = values.split(", ").map((value) => Number(/^(\d+)( s)?$/.exec(value)?.[1]));
    expect(said).toEqual(named.map((name) => (isSettingName(name) ? defaults[name] : undefined)));
  });
});

test.each(pages.filter((page) => !/^(bench|chaos)\//.test(page)))(
  "%s names no setting or flag that is not there",
  (page) => {
    const spans = codeSpans(withoutBlocks(read(page)));
    const settingsNamed = spans.filter((code) => /^(dirty[A-Z]\w+|\w+Timeout)$/.test(code));
    expect(settingsNamed.filter((name) => !isSettingName(name) && !isHookName(name))).toEqual([]);
    const flagsNamed = spans.flatMap((code) => code.match(/(?<![\w-])--[a-z][\w-]+/g) ?? []);
    expect([...FLAGS, ...FOREIGN_FLAGS]).toEqual(expect.arrayContaining(flagsNamed));
  },
);
