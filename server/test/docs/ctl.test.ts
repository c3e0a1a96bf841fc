import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/arbiter/control-commands.ts";
import { CTL_FLAGS } from "../../src/cli/ctl-options.ts";
import { SECRET_WORDS } from "../../src/config/hide-secrets.ts";
import { codeSpans } from "./markdown.ts";
import { pages, read } from "./pages.ts";

const page = read("docs/ctl.md");

/** The first cells of the rows of a table; a `\|` within one does not end it. */
function firstCells(heading: string): string[] {
  const lines = page.split("\n");
  const first = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  const rows = lines.slice(first + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith("|")),
    )
    .map((line) => (/^\| (.+?) (?<!\\)\| /.exec(line)?.[1] ?? "").replaceAll("\\|", "|"));
}

describe("docs/ctl.md", () => {
  test("has every command, and none that is not there", () => {
    const listed = firstCells("command").flatMap(codeSpans);
    const forms = COMMANDS.map(({ name, argument }) =>
      argument === undefined ? name : `${name} ${argument}`,
    );
    expect(listed).toEqual(forms);
  });

  test("has every option, and none that is not there", () => {
    expect(firstCells("option").map((cell) => codeSpans(cell).join(", "))).toEqual(
      CTL_FLAGS.map(({ form }) => form),
    );
  });

  test("names what makes a setting secret", () => {
    expect(codeSpans(page)).toEqual(expect.arrayContaining([...SECRET_WORDS]));
  });
});

test.each(pages)("every ctl command that %s names is there", (name) => {
  const words = COMMANDS.map((command) => command.name.split(" "));
  const named = [...read(name).matchAll(/(?:^|`|\$ )tsunicorn ctl ((?:[a-z]+ ?)+)/gm)].map(([, line = ""]) =>
    line.trim().split(" "),
  );
  const wrong = named.filter(
    (line) => !words.some((command) => command.every((word, at) => line[at] === word)),
  );
  expect(wrong).toEqual([]);
});
