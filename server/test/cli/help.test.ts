import { expect, test } from "vitest";
import { renderHelp } from "../../src/cli/help.ts";
import { SETTING_NAMES, settings } from "../../src/config/settings.ts";
import { flagOf } from "../../src/config/spelling.ts";

const help = renderHelp("1.2.3");

test("--help fits on a terminal of 100 columns", () => {
  expect(help.split("\n").filter((line) => line.length > 100 || line.endsWith(" "))).toEqual([]);
});

test("--help lists every setting under the heading of its section", () => {
  const sections = new Map(
    help
      .split("\n\n")
      .map((block): [string, string] => [block.split(":\n")[0] ?? "", block])
      .filter(([, block]) => block.includes(":\n")),
  );
  for (const name of SETTING_NAMES) {
    const { section, positional, kind, bare } = settings[name];
    const value = bare === undefined ? " " : "[=";
    const flag = kind === "boolean" ? `--[no-]${flagOf(name)}` : `--${flagOf(name)}${value}`;
    expect(sections.get(section)).toContain(positional ? "      APP  " : flag);
  }
});

test.each([
  "tsunicorn 1.2.3: ",
  "Usage: tsunicorn [options] APP\n",
  "\n  -w, --workers N                    Number of HTTP workers. [default: 1]\n",
  "\n                                     [default: 127.0.0.1:8000]\n",
  "\n      --dirty-timeout SEC            Most seconds that one run of an action may take. [default: 300]\n",
  "\n      --[no-]access-log              Log one line for each HTTP request. [default: off]\n",
  "\n  -h, --help                         Show this help and exit.\n",
])("--help has %j", (line) => {
  expect(help).toContain(line);
});
