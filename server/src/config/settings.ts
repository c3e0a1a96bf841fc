/**
 * Every setting of the server, in one table. What can be written in a config file, in flags and in the
 * environment, how it is checked, what `--help`, `--print-config` and `docs/settings.md` say, and the types
 * of all that come from here and from nowhere else.
 */
import path from "node:path";
import { isInPython } from "./app-spec.ts";
import { type Setting, setting } from "./setting.ts";
import {
  addresses,
  appSpecs,
  filePath,
  oneOf,
  resourcePools,
  seconds,
  socketPath,
  text,
  wholeNumber,
  yesOrNo,
} from "./validators.ts";

const table = {
  app: setting<string>({
    section: "App",
    description:
      "Path of the web app's main module, relative to chdir, with or without its extension; its default export, or its export app, is a Fastify instance, a (req, res) listener or an object with fetch(request).",
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

  bind: setting<string[]>({
    section: "HTTP workers",
    description:
      "Address to listen on, as HOST:PORT, [IPV6]:PORT, :PORT (every address of the machine), PORT (127.0.0.1) or unix:PATH; may be given several times; port 0 picks a free one.",
    metavar: "ADDRESS",
    kind: "list",
    validator: addresses(),
    default: ["127.0.0.1:8000"],
    letter: "b",
  }),
  workers: setting<number>({
    section: "HTTP workers",
    description: "Number of HTTP workers.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(1, 1000),
    default: 1,
    letter: "w",
  }),
  backlog: setting<number>({
    section: "HTTP workers",
    description: "Number of connections that may wait to be accepted, for each address.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(1, 65_535),
    default: 2048,
  }),
  timeout: setting<number>({
    section: "HTTP workers",
    description:
      "Seconds after which an HTTP worker, or the dirty arbiter, whose event loop is silent is replaced; 0 for never.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 30,
    letter: "t",
  }),
  gracefulTimeout: setting<number>({
    section: "HTTP workers",
    description: "Seconds that requests in progress get to finish when an HTTP worker is asked to stop.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 30,
  }),
  maxRequests: setting<number>({
    section: "HTTP workers",
    description:
      "Number of requests after which an HTTP worker is replaced, once its successor is ready; 0 for never.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1_000_000_000),
    default: 0,
  }),
  maxRequestsJitter: setting<number>({
    section: "HTTP workers",
    description:
      "Most requests that are added to maxRequests, at random for each worker, so that not all are replaced at once.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1_000_000_000),
    default: 0,
  }),

  keepalive: setting<number>({
    section: "HTTP limits",
    description: "Seconds that an idle connection is kept open for its next request; 0 closes it at once.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 5,
  }),
  headersTimeout: setting<number>({
    section: "HTTP limits",
    description: "Seconds within which all headers of a request must have arrived.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0.001),
    default: ({ requestTimeout }) => Math.min(10, requestTimeout),
    defaultText: "10, or requestTimeout where that is less",
  }),
  requestTimeout: setting<number>({
    section: "HTTP limits",
    description: "Seconds within which a whole request, with its body, must have arrived.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0.001),
    default: 60,
  }),
  stallTimeout: setting<number>({
    section: "HTTP limits",
    description:
      "Seconds that a client may take nothing of an answer that waits for it before its connection is closed; 0 for never.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 60,
  }),
  maxHeaderSize: setting<number>({
    section: "HTTP limits",
    description: "Most bytes that the headers of a request may have.",
    metavar: "BYTES",
    kind: "number",
    validator: wholeNumber(1024, 1_048_576),
    default: 8190,
  }),

  dirtyApps: setting<string[]>({
    section: "Dirty workers",
    description:
      "Dirty app to run, as PATH:Class or PATH:Class:N (loaded in at most N dirty workers, or in N of its own), PATH relative to chdir, its extension optional, or as python:MODULE:Class or python:MODULE:Class:N (in 1 or N workers of its own); may be given several times.",
    metavar: "SPEC",
    kind: "list",
    validator: appSpecs(),
    default: [],
    flag: "dirty-app",
  }),
  dirtyWorkers: setting<number>({
    section: "Dirty workers",
    description:
      "Number of dirty workers for all apps but those in Python, which have workers of their own; with dirtyOwnWorkers, for each of them that does not say how many.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1000),
    default: ({ dirtyApps, dirtySocket }) =>
      dirtySocket === undefined && dirtyApps.some((spec) => !isInPython(spec)) ? 1 : 0,
    defaultText: "1 with dirty apps that are not all in Python, else 0",
  }),
  dirtyOwnWorkers: setting<boolean>({
    section: "Dirty workers",
    description:
      "Give each dirty app workers of its own, so that no two apps share a process: as many as its spec or class says, else dirtyWorkers.",
    metavar: "",
    kind: "boolean",
    validator: yesOrNo(),
    default: false,
  }),
  python: setting<string>({
    section: "Dirty workers",
    description:
      "Interpreter for dirty apps in Python, 3.9 or later: a program's name, or the path, relative to chdir, of one or of a virtualenv's folder.",
    metavar: "PROGRAM",
    kind: "text",
    validator: filePath(),
    default: "python3",
  }),
  dirtyTimeout: setting<number>({
    section: "Dirty workers",
    description: "Most seconds that one run of an action may take.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0.001),
    default: 300,
  }),
  dirtyGracefulTimeout: setting<number>({
    section: "Dirty workers",
    description: "Seconds that runs in progress get to finish when a dirty worker is asked to stop.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 30,
  }),
  dirtyInitTimeout: setting<number>({
    section: "Dirty workers",
    description: "Seconds within which a dirty worker must have loaded and initialised its apps.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0.001),
    default: 300,
  }),
  dirtyQueueSize: setting<number>({
    section: "Dirty workers",
    description: "Number of requests that may wait for a free slot, for each app; 0 for none.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1_000_000),
    default: 1024,
  }),
  dirtyQueueTimeout: setting<number>({
    section: "Dirty workers",
    description: "Seconds that a request may wait for a free slot.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0.001),
    default: 30,
  }),
  dirtyAbortGrace: setting<number>({
    section: "Dirty workers",
    description: "Seconds that a run gets to settle after its abort, before its worker is replaced.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 2,
  }),
  dirtyMaxRequests: setting<number>({
    section: "Dirty workers",
    description:
      "Number of runs after which a dirty worker is replaced, once its successor is ready; 0 for never.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1_000_000_000),
    default: 0,
  }),
  dirtyMaxRequestsJitter: setting<number>({
    section: "Dirty workers",
    description:
      "Most runs that are added to dirtyMaxRequests, at random for each worker, so that not all are replaced at once.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 1_000_000_000),
    default: 0,
  }),
  streamGrace: setting<number>({
    section: "Dirty workers",
    description: "Seconds that a resumable run goes on without a reader.",
    metavar: "SEC",
    kind: "number",
    validator: seconds(0),
    default: 30,
  }),
  migrationLimit: setting<number>({
    section: "Dirty workers",
    description:
      "Number of times that a run whose worker died is continued by another, where its action can continue.",
    metavar: "N",
    kind: "number",
    validator: wholeNumber(0, 100),
    default: 3,
  }),
  resources: setting<Record<string, string[]>>({
    section: "Dirty workers",
    description:
      "What apps may ask for with static resources, as NAME=ID,ID: a worker with such an app gets units of it for itself (gpu: in CUDA_VISIBLE_DEVICES); may be given several times.",
    metavar: "NAME=IDS",
    kind: "list",
    validator: resourcePools(),
    default: () => ({}),
    defaultText: "none",
    flag: "resource",
  }),
  dirtyBind: setting<string | undefined>({
    section: "Dirty workers",
    description: "Path of the dirty arbiter's unix socket, relative to chdir.",
    metavar: "PATH",
    kind: "text",
    validator: socketPath(),
    default: undefined,
    defaultText: "in a private folder",
  }),
  dirtySocket: setting<string | undefined>({
    section: "Dirty workers",
    description:
      "Path of the dirty arbiter's unix socket of a running Gunicorn, relative to chdir: its dirty apps are called, and this server runs none; dirtyApps then names those that it needs, as module:Class.",
    metavar: "PATH",
    kind: "text",
    validator: socketPath(),
    default: undefined,
    defaultText: "none, the server runs its dirty apps itself",
    // By the name that would be usual each child finds the dirty arbiter's socket.
    variable: "TSUNICORN_GUNICORN_SOCKET",
  }),

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
