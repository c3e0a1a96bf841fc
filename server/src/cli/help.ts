import { SECTIONS } from "../config/setting.ts";
import { SETTING_NAMES, type SettingName, settings } from "../config/settings.ts";
import { defaultTextOf, flagOf } from "../config/spelling.ts";
import { TASK_FLAGS } from "./flags.ts";

const WIDTH = 100;
/** A space where no line may end. */
const GLUE = "\u00a0";

/**
 * Renders `--help`: every setting with its flag, description and default, by section, in lines of at most 100
 * characters.
 */
export function renderHelp(version: string): string {
  const tasks = TASK_FLAGS.map(({ words, description }) => ({ head: shortAndLong(words), description }));
  const sections = SECTIONS.map((section) => ({
    title: section,
    entries: SETTING_NAMES.filter((name) => settings[name].section === section).map(settingEntry),
  }));
  const all = [...sections, { title: "Instead of serving", entries: tasks }];
  const column = Math.max(...all.flatMap(({ entries }) => entries.map(({ head }) => head.length))) + 2;
  return [
    `tsunicorn ${version}: a pre-fork application server for Node.js with dirty workers`,
    "",
    "Usage: tsunicorn [options] APP",
    "       tsunicorn ctl COMMAND    looks at a running server, or changes it; see tsunicorn ctl --help",
    "",
    ...all.flatMap(({ title, entries }) => [
      `${title}:`,
      ...entries.flatMap((entry) => render(entry, column)),
      "",
    ]),
    ...wrap(
      "Each option is also a setting of the config file, in camelCase (gracefulTimeout), and an environment variable (TSUNICORN_GRACEFUL_TIMEOUT). A flag wins over the environment, the environment over the file, the file over the default. PORT, with HOST, and WEB_CONCURRENCY win over the file, and give way to flags and TSUNICORN_*. Durations are in seconds and may have fractions.",
      WIDTH,
    ),
    "",
    "Examples:",
    "  tsunicorn main.ts",
    "  tsunicorn main.ts -b 0.0.0.0:8000 -w 2 --dirty-app ./chat-app.ts:ChatApp",
    "  tsunicorn -c tsunicorn.config.ts --check-config",
    "  tsunicorn ctl show all",
    "",
  ].join("\n");
}

/** A flag and what it means. */
interface Entry {
  readonly head: string;
  readonly description: string;
}

function settingEntry(name: SettingName): Entry {
  const { description, positional, metavar, letter, kind, bare } = settings[name];
  const defaultText = `[default: ${defaultTextOf(name)}]`;
  const glued = defaultText.length < 40 ? defaultText.replaceAll(" ", GLUE) : defaultText;
  const value = bare === undefined ? ` ${metavar}` : `[=${metavar}]`;
  const long = kind === "boolean" ? `--[no-]${flagOf(name)}` : `--${flagOf(name)}${value}`;
  const letterText = letter === undefined ? "    " : `-${letter}, `;
  return {
    head: positional ? `      ${metavar}` : `  ${letterText}${long}`,
    description: `${description} ${glued}`,
  };
}

function shortAndLong(words: readonly string[]): string {
  return words.length > 1 ? `  ${words.join(", ")}` : `      ${words[0]}`;
}

function render({ head, description }: Entry, column: number): string[] {
  const [first = "", ...rest] = wrap(description, WIDTH - column);
  return [head.padEnd(column) + first, ...rest.map((line) => " ".repeat(column) + line)];
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((glued) => glued.replaceAll(GLUE, " "));
}
