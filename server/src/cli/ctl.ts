import { tmpdir } from "node:os";
import { COMMANDS, UsageError } from "../arbiter/control-commands.ts";
import { ConfigError } from "../config/errors.ts";
import { loadConfigApart } from "../config/load-apart.ts";
import { explain } from "../process/explain.ts";
import { hideCredentials } from "../process/hide-credentials.ts";
import { chooseServer } from "./ctl-choose.ts";
import { askServer, NoServerError } from "./ctl-client.ts";
import { CTL_FLAGS, readCtlTask } from "./ctl-options.ts";
import { renderResult } from "./ctl-render.ts";
import { row } from "./ctl-rows.ts";
import { renderTable } from "./ctl-table.ts";
import type { Surroundings } from "./surroundings.ts";

/** ms that an answer may take. */
const ANSWER_MS = 30_000;
/** Seconds beyond `dirtyInitTimeout` that a reload may take: to read the settings, and to load the web app. */
const RELOAD_MARGIN = 120;
const WIDTH = 100;

/**
 * Runs `tsunicorn ctl`.
 *
 * @param argv its arguments, without `ctl`.
 * @returns the exit code: 0; 1 when the server refused, failed or did not answer; 2 when no server was found, or
 *   when the command line makes no sense.
 */
export async function runCtl(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { env, cwd, writeOut, writeError, load = loadConfigApart, temporary = tmpdir() } = surroundings;
  try {
    const task = readCtlTask(argv);
    if (task.help) {
      writeOut(renderCtlHelp());
      return 0;
    }
    const socket = await chooseServer(task.server, { env, cwd, load, temporary });
    const ms = task.name === "reload" ? await reloadLimit(socket, writeError) : ANSWER_MS;
    const result = await askServer(socket, task.words, ms);
    writeOut(
      task.json
        ? `${JSON.stringify(result, null, 2)}\n`
        : renderResult(task.name, result, surroundings.columns ?? WIDTH),
    );
    return 0;
  } catch (error) {
    const reason = error instanceof NoServerError ? error.message : explain(error);
    writeError(hideCredentials(`tsunicorn ctl: ${reason}\n`));
    if (error instanceof UsageError) writeError("Try tsunicorn ctl --help\n");
    return error instanceof UsageError || error instanceof NoServerError || error instanceof ConfigError
      ? 2
      : 1;
  }
}

/** Says what is waited for, and finds out for how long: a model may take minutes to load. */
async function reloadLimit(socket: string, writeError: (text: string) => void): Promise<number> {
  const { dirtyInitTimeout } = row(await askServer(socket, ["ping"], ANSWER_MS));
  const seconds = (typeof dirtyInitTimeout === "number" ? dirtyInitTimeout : 300) + RELOAD_MARGIN;
  writeError(`waiting until the new workers have loaded their apps, ${seconds} s at most\n`);
  return seconds * 1000;
}

/** Renders `tsunicorn ctl --help`. */
export function renderCtlHelp(): string {
  const commands = COMMANDS.map(({ name, argument, help }) => ({ form: `${name} ${argument ?? ""}`, help }));
  const column = Math.max(...[...commands, ...CTL_FLAGS].map(({ form }) => form.trimEnd().length));
  const section = (entries: readonly { form: string; help: string }[]): string =>
    renderTable(
      [
        { head: "", value: ({ form }) => `  ${String(form)}`.padEnd(column + 2) },
        { head: "", value: "help" },
      ],
      entries.map((entry) => ({ ...entry })),
      WIDTH,
    ).replace(/^\s*\n/, "");
  return [
    "Usage: tsunicorn ctl [options] COMMAND",
    "",
    "Shows what a running server does, and changes it. Without an option that names the server, it is",
    "the only one of this user that is running.",
    "",
    "Commands:",
    section(commands),
    "Options:",
    section(CTL_FLAGS),
    "Exit codes: 0 done; 1 the server refused or failed, and says why; 2 no server was found, or the",
    "command makes no sense.",
    "",
  ].join("\n");
}
