import { age, bytes, id, percent, plain, type Row, row, rows } from "./ctl-rows.ts";
import { type Column, renderPairs, renderTable } from "./ctl-table.ts";
import { renderConfigRows } from "./print-config.ts";

/** Seconds after which the silence of an HTTP worker, which beats each second, is worth a word. */
const SILENCE = 3;

/**
 * Renders what the server answered for people: aligned tables, in lines of at most `width` characters where a
 * name or path is not longer than that.
 *
 * @param command the command's name, as `show workers`.
 */
export function renderResult(command: string, result: unknown, width: number): string {
  return RENDERERS[command]?.(result, width) ?? `${JSON.stringify(result, null, 2)}\n`;
}

type Renderer = (result: unknown, width: number) => string;

const RENDERERS: Readonly<Record<string, Renderer>> = {
  "show all": renderAll,
  "show stats": renderStats,
  "show workers": renderWorkers,
  "show dirty": renderDirty,
  "show apps": renderApps,
  "show queues": renderQueues,
  "show streams": renderStreams,
  "show config": (result) => renderConfigRows(rows(result).map(configRow)),
  "show listeners": renderListeners,
  "worker add": scaled,
  "worker remove": scaled,
  "worker kill": killed,
  "dirty add": scaled,
  "dirty remove": scaled,
  "dirty kill": killed,
  reload: (result) => `${plain(row(result)["message"])}\n`,
  reopen: () => "The log files are open again.\n",
  shutdown: (result) =>
    row(result)["shutdown"] === "quick"
      ? "The server stops at once.\n"
      : "The server stops; requests in progress may finish.\n",
  ping: (result) => {
    const { pid, name, state, uptime } = row(result);
    return `${plain(name)}, process ${id(pid)}: ${plain(state)}, up ${age(uptime)}\n`;
  },
};

/** Whether a command's result has a form for people of its own. */
export function hasRenderer(command: string): boolean {
  return Object.hasOwn(RENDERERS, command);
}

const PROCESS: readonly Column[] = [
  { head: "PID", value: "pid", format: id, right: true },
  { head: "STATE", value: state },
  { head: "AGE", value: "age", format: age, right: true },
];
const MEASURED: readonly Column[] = [
  { head: "MEMORY", value: "rss", format: bytes, right: true },
  { head: "LOOP", value: "loop", format: percent, right: true },
  { head: "GEN", value: "generation", right: true },
];

function state(process: Row): string {
  const { state: name, answered, heard } = process;
  const notes = [plain(name)];
  if (answered === false && name !== "starting") notes.push("no answer");
  if (name !== "starting" && typeof heard === "number" && heard > SILENCE) notes.push(`silent ${age(heard)}`);
  return notes.join(", ");
}

function renderWorkers(result: unknown, width: number): string {
  const columns: Column[] = [
    ...PROCESS,
    { head: "REQUESTS", value: "requests", right: true },
    { head: "IN PROGRESS", value: "inProgress", right: true },
    { head: "CONNECTIONS", value: "connections", right: true },
    ...MEASURED,
  ];
  return renderTable(columns, rows(row(result)["workers"]), width);
}

function renderDirty(result: unknown, width: number): string {
  const { arbiter, workers, failing, gunicorn } = row(result);
  if (typeof gunicorn === "string") return `The dirty apps are in the Gunicorn at ${gunicorn}.\n`;
  const columns: Column[] = [
    ...PROCESS,
    { head: "RUNNING", value: "running", right: true },
    { head: "RUNS", value: "runs", right: true },
    { head: "LOAD", value: "load", format: percent, right: true },
    ...MEASURED,
    { head: "APPS", value: "apps" },
  ];
  const processes = [
    ...rows([arbiter]).map((one) => ({ ...one, apps: "(dirty arbiter)" })),
    ...rows(workers).map((one) => ({ ...one, state: dirtyState(one) })),
  ];
  const table = renderTable(columns, processes, width);
  return typeof failing === "string" ? `${table}\nDirty workers fail to start: ${failing}\n` : table;
}

function dirtyState({ state: name, connected, silent }: Row): string {
  if (name === "starting") return "starting";
  if (connected === false) return `${plain(name)}, not connected`;
  return silent === true ? `${plain(name)}, silent` : plain(name);
}

function renderApps(result: unknown, width: number): string {
  const columns: Column[] = [
    { head: "APP", value: "app" },
    { head: "WORKERS", value: "workers", right: true },
    { head: "RUNNING", value: "running", right: true },
    { head: "PLACES", value: "places", right: true },
    { head: "QUEUED", value: "queued", right: true },
    { head: "PIDS", value: ({ pids }) => (Array.isArray(pids) ? pids.map(id).join(" ") : "") },
  ];
  return table(columns, result, width, "There are no dirty apps.");
}

function renderQueues(result: unknown, width: number): string {
  const columns: Column[] = [
    { head: "APP", value: "app" },
    { head: "QUEUED", value: "queued", right: true },
    { head: "LIMIT", value: "limit", right: true },
    { head: "OLDEST WAIT", value: "oldestWait", format: age, right: true },
    { head: "TIMEOUT", value: "timeout", format: age, right: true },
    {
      head: "RETRY AFTER",
      // Without a request that waits it says nothing.
      value: ({ queued, retryAfter }) => (queued === 0 ? age(undefined) : age(retryAfter)),
      right: true,
    },
  ];
  return table(columns, result, width, "There are no dirty apps.");
}

function renderStreams(result: unknown, width: number): string {
  const { streams, total } = row(result);
  const columns: Column[] = [
    { head: "PID", value: "pid", format: id, right: true },
    { head: "STATE", value: "state" },
    { head: "AGE", value: "age", format: age, right: true },
    { head: "LEFT", value: "left", format: age, right: true },
    { head: "SLOT", value: "slot", format: id, right: true },
    { head: "APP", value: "app" },
  ];
  const shown = rows(streams).length;
  const more = typeof total === "number" ? total - shown : 0;
  const rest = more > 0 ? `and ${plain(more)} more\n` : "";
  return table(columns, streams, width, "Nothing runs.") + rest;
}

function renderListeners(result: unknown, width: number): string {
  const columns: Column[] = [
    { head: "SERVES", value: "serves" },
    { head: "ADDRESS", value: "url" },
  ];
  return renderTable(columns, rows(result), width);
}

function renderStats(result: unknown, width: number): string {
  const stats = row(result);
  const ready = (value: unknown): string =>
    `${plain(row(value)["ready"])} of ${plain(row(value)["target"])} ready`;
  const silent = stats["silent"];
  const pairs: [string, string][] = [
    ["server", `${plain(stats["name"])}, process ${id(stats["pid"])}`],
    [
      "state",
      `${plain(stats["state"])}, up ${age(stats["uptime"])}, generation ${plain(stats["generation"])}`,
    ],
    ["version", `${plain(stats["version"])} on node ${plain(stats["node"])}`],
    ["config file", typeof stats["config"] === "string" ? stats["config"] : "none"],
    ["HTTP workers", ready(stats["httpWorkers"])],
    ["dirty workers", ready(stats["dirtyWorkers"])],
    [
      "requests",
      `${plain(stats["requests"])} by these workers, ${plain(stats["inProgress"])} in progress on ${plain(stats["connections"])} connections`,
    ],
    ["dirty runs", `${plain(stats["running"])} running, ${plain(stats["queued"])} queued`],
    ["memory", `${bytes(stats["rss"])}, all processes together`],
    ["restarts", restarts(stats["restarts"])],
  ];
  if (typeof silent === "number" && silent > 0) pairs.push(["no answer", `from ${silent} of the processes`]);
  return renderPairs(pairs, width);
}

function restarts(value: unknown): string {
  const counts = rows(value).map(
    ({ kind, reason, count }) => `${plain(kind).replace("-", " ")} ${plain(reason)}: ${plain(count)}`,
  );
  return counts.length === 0 ? "none" : counts.join("; ");
}

function renderAll(result: unknown, width: number): string {
  const all = row(result);
  const isElsewhere = typeof row(all["dirty"])["gunicorn"] === "string";
  const unknown = isElsewhere ? "Gunicorn's.\n" : "The dirty arbiter does not answer.\n";
  const known = (value: unknown, render: Renderer): string =>
    value === null ? unknown : render(value, width);
  const sections: [string, string][] = [
    ["Listeners", renderListeners(all["listeners"], width)],
    ["HTTP workers", renderWorkers(all["workers"], width)],
    ["Dirty side", renderDirty(all["dirty"], width)],
    ["Dirty apps", known(all["apps"], renderApps)],
    ["Queues", known(all["queues"], renderQueues)],
    ["Streams", known(all["streams"], renderStreams)],
  ];
  return [
    renderStats(all["stats"], width),
    ...sections.map(([title, text]) => `\n${title}\n${text.replace(/^(?=.)/gm, "  ")}`),
  ].join("");
}

function table(columns: readonly Column[], value: unknown, width: number, none: string): string {
  const found = rows(value);
  return found.length === 0 ? `${none}\n` : renderTable(columns, found, width);
}

function scaled(result: unknown): string {
  const { kind, target, app } = row(result);
  const whose = app === undefined ? "" : ` of ${plain(app)}`;
  return `${plain(target)} ${kind === "http-worker" ? "HTTP" : "dirty"} workers${whose} from now on.\n`;
}

function killed(result: unknown): string {
  const { kind, killed: pid } = row(result);
  return `${plain(kind).replace("-", " ").replace("http", "HTTP")} ${id(pid)} was killed; another takes its place.\n`;
}

function configRow({ name, value, source }: Row): { name: string; value: string; source: string } {
  return {
    name: plain(name),
    value: value === null ? "none" : JSON.stringify(value),
    source: plain(source),
  };
}
