/**
 * Every setting of the server, in one table. What can be written in a config file, in flags and in the
 * environment, how it is checked, what `--help`, `--print-config` and `docs/settings.md` say, and the types
 * of all that come from here and from nowhere else. The rows about HTTP workers and about dirty workers stand in
 * files of their own.
 */
import path from "node:path";
import { dirtySettings } from "./dirty-settings.ts";
import { httpSettings } from "./http-settings.ts";
import { type Setting, setting } from "./setting.ts";
import { filePath, oneOf, socketPath, text, yesOrNo } from "./validators.ts";

const table = {
  app: setting<string>({
    section: "App",
    description:
      "Path of the web app's main module, relative to chdir, with or without its extension; its default export, or its export app or server, serves: a Fastify instance, a (req, res) listener, an object with fetch(request), an http.Server.",
    metavar: "APP",
    kind: "text",
    validator: filePath(),
    default: undefined,
    defaultText: "none, must be given",
    positional: true,
  }),
  config: setting<string | undefined>({
    section: "App",
    description: "Path of the config file, relative to where the command is started.",
    metavar: "PATH",
    kind: "text",
    validator: filePath(),
    default: undefined,
    defaultText: "tsunicorn.config.ts, .mts, .js or .mjs, where there is one",
    letter: "c",
    notInFile: true,
  }),
  chdir: setting<string>({
    section: "App",
    description: "Folder that every process works in and that paths of apps and sockets are relative to.",
    metavar: "FOLDER",
    kind: "text",
    validator: filePath(),
    default: ({ configFile, cwd }) => (configFile === undefined ? cwd : path.dirname(configFile)),
    defaultText: "the config file's folder, else where the command is started",
  }),
  name: setting<string>({
    section: "App",
    description: "Name shown in the titles of the server's processes.",
    metavar: "NAME",
    kind: "text",
    validator: text(64),
    default: ({ app = "" }) => path.parse(app).name,
    defaultText: "the app's file name without extension",
    letter: "n",
  }),

  ...httpSettings,
  ...dirtySettings,

  pidfile: setting<string | undefined>({
    section: "Operation",
    description: "Path of a file that holds the arbiter's process id while it runs, relative to chdir.",
    metavar: "PATH",
    kind: "text",
    validator: filePath(),
    default: undefined,
    defaultText: "none",
    letter: "p",
  }),
  controlSocket: setting<string | undefined>({
    section: "Operation",
    description: "Path of the unix socket that tsunicorn ctl speaks to, relative to chdir.",
    metavar: "PATH",
    kind: "text",
    validator: socketPath(),
    default: undefined,
    defaultText: "in a private folder, where tsunicorn ctl finds it",
  }),
  reload: setting<boolean>({
    section: "Operation",
    description:
      "For development: watch the files that workers loaded, and restart the workers that loaded a changed one.",
    metavar: "",
    kind: "boolean",
    validator: yesOrNo(),
    default: false,
  }),

  logLevel: setting<"debug" | "info" | "warn" | "error">({
    section: "Logs",
    description: "Least severity that is logged: debug, info, warn or error.",
    metavar: "LEVEL",
    kind: "text",
    validator: oneOf(["debug", "info", "warn", "error"]),
    default: "info",
  }),
  logFormat: setting<"auto" | "pretty" | "json">({
    section: "Logs",
    description:
      "Form of the log: pretty lines to read, json lines, or auto: pretty on a terminal, else json.",
    metavar: "FORMAT",
    kind: "text",
    validator: oneOf(["auto", "pretty", "json"]),
    default: "auto",
  }),
  logFile: setting<string | undefined>({
    section: "Logs",
    description:
      "Path of a file that the log is appended to, relative to chdir; SIGUSR1 and tsunicorn ctl reopen open it again.",
    metavar: "PATH",
    kind: "text",
    validator: filePath(),
    default: undefined,
    defaultText: "standard output",
  }),
  accessLog: setting<boolean>({
    section: "Logs",
    description: "Log one line for each HTTP request.",
    metavar: "",
    kind: "boolean",
    validator: yesOrNo(),
    default: false,
  }),
};

/**
 * Every setting with the value that the server runs with. Paths are absolute, durations are in seconds, and
 * each address of `bind` is in the form that `parseBindAddress` reads.
 */
export type Settings = {
  [Name in keyof typeof table]: (typeof table)[Name] extends Setting<infer Value> ? Value : never;
};

/** The name of a setting. */
export type SettingName = keyof Settings;

/** The table itself. */
export const settings: { readonly [Name in SettingName]: Setting<Settings[Name]> } = table;

/** The names of all settings, in the table's order. */
export const SETTING_NAMES: readonly SettingName[] = Object.keys(settings).filter(isSettingName);

/** Whether a word from outside is the name of a setting. */
export function isSettingName(word: string): word is SettingName {
  return Object.hasOwn(table, word);
}
