import { SECTIONS } from "./setting.ts";
import { SETTING_NAMES, type SettingName, settings } from "./settings.ts";
import { flagOf, variableOf } from "./spelling.ts";

/**
 * Renders the settings page of the docs: one Markdown table for each section. `scripts/docs-settings.mjs`
 * writes it to `docs/settings.md`.
 */
export function renderSettingsMarkdown(): string {
  const sections = SECTIONS.map((section) => {
    const rows = SETTING_NAMES.filter((name) => settings[name].section === section).map(row);
    return [
      `## ${section}`,
      "",
      "| setting | flag | environment | default | what it is |",
      "|---|---|---|---|---|",
      ...rows,
      "",
    ];
  });
  return [...INTRODUCTION, ...sections.flat()].join("\n");
}

const INTRODUCTION = [
  "# Settings",
  "",
  "<!-- Written by scripts/docs-settings.mjs from server/src/config/settings.ts: change it there. -->",
  "",
  "Each setting can be given as a flag, in the environment or in the config file. A flag wins over the",
  "environment, the environment over the file, the file over the default. Durations are in seconds and may",
  "have fractions. A list's flag may be given several times; in the environment its items are separated by",
  "commas; in the file it is an array, or one text. An empty environment variable counts as not set.",
  "",
  "Hosting platforms say by `PORT` and `WEB_CONCURRENCY` where a server must listen, and with how many workers.",
  "Both win over the file, and give way to flags and `TSUNICORN_*`. `PORT=8080` is the address `0.0.0.0:8080`;",
  "with `HOST=::1` beside it, `[::1]:8080`. `HOST` alone says nothing, since some shells export it.",
  "",
  "`tsunicorn --print-config` shows every value and where it came from, `tsunicorn --check-config` only checks",
  "them. A setting that does not exist, or that has an impossible value, stops the start.",
  "",
];

function row(name: SettingName): string {
  const {
    description,
    positional,
    notInFile,
    platformVariable,
    defaultText,
    default: value,
  } = settings[name];
  const cells = [
    notInFile ? "" : code(name),
    positional ? "the argument `APP`" : flags(name),
    [variableOf(name), ...(platformVariable === undefined ? [] : [platformVariable])].map(code).join(", "),
    defaultText ?? code(JSON.stringify(value)),
    description,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function flags(name: SettingName): string {
  const { letter, kind } = settings[name];
  const forms = [letter === undefined ? "" : code(`-${letter}`), code(`--${flagOf(name)}`)];
  if (kind === "boolean") forms.push(code(`--no-${flagOf(name)}`));
  return forms.filter((form) => form !== "").join(", ");
}

function code(text: string): string {
  return `\`${text}\``;
}
