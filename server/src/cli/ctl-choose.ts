import { resolve } from "node:path";
import type { LoadedConfig } from "../config/load.ts";
import { NoServerError } from "./ctl-client.ts";
import type { Named } from "./ctl-options.ts";
import { age, id } from "./ctl-rows.ts";
import { type FoundServer, findServers } from "./ctl-servers.ts";
import { renderTable } from "./ctl-table.ts";

/** Where a server is looked for. */
export interface Neighbourhood {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** The folder of temporary files. */
  readonly temporary: string;
  readonly load: (argv: readonly string[], env: NodeJS.ProcessEnv, cwd: string) => Promise<LoadedConfig>;
}

/**
 * Finds the control socket of the server that was named, or of the only one.
 * @throws NoServerError that says which there are, and how to choose.
 */
export async function chooseServer(named: Named | undefined, where: Neighbourhood): Promise<string> {
  const { env, cwd, temporary } = where;
  if (named?.by === "socket") return resolve(cwd, named.path);
  const fromEnvironment = env["TSUNICORN_CONTROL_SOCKET"];
  if (named === undefined && fromEnvironment) return resolve(cwd, fromEnvironment);
  const { servers, silent } = await findServers(temporary);
  const matching = servers.filter((server) => matches(server, named, cwd));
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only.socket;
  if (only !== undefined) throw new NoServerError(`${matching.length} servers ${list(matching)}`);
  if (named?.by === "config") {
    const socket = await configuredSocket(named.path, where);
    if (socket !== undefined) return socket;
  }
  const wanted =
    named === undefined
      ? "No server of this user"
      : named.by === "pid"
        ? `No server with process id ${named.pid}`
        : `No server with the config file ${resolve(cwd, named.path)}`;
  const others = servers.length > 0 ? ` There ${list(servers)}` : "";
  const deaf = silent.map((socket) => `\nThe server at ${socket} does not answer.`).join("");
  const hint =
    servers.length + silent.length === 0
      ? " One with another folder for temporary files is reached with --socket PATH."
      : "";
  throw new NoServerError(`${wanted} was found in ${temporary}.${hint}${others}${deaf}`);
}

function matches(server: FoundServer, named: Named | undefined, cwd: string): boolean {
  if (named === undefined) return true;
  return named.by === "pid" ? server.pid === named.pid : server.config === resolve(cwd, named.path);
}

/** A server with a TMPDIR of its own is not found, but its config file may say where its socket is. */
async function configuredSocket(
  path: string,
  { load, env, cwd }: Neighbourhood,
): Promise<string | undefined> {
  // The file need not name the app: that may have been an argument. Which one does not matter here.
  const { settings } = await load(["-c", path, "app"], env, cwd);
  return settings.controlSocket;
}

function list(servers: readonly FoundServer[]): string {
  const rows = servers.map((server) => ({ ...server, config: server.config ?? "no config file" }));
  const table = renderTable(
    [
      { head: "PID", value: "pid", format: id, right: true },
      { head: "NAME", value: "name" },
      { head: "UP", value: "uptime", format: age, right: true },
      { head: "CONFIG FILE", value: "config" },
    ],
    rows,
    Number.POSITIVE_INFINITY,
  );
  const verb = servers.length === 1 ? "is one" : "are running";
  return `${verb}; choose with --pid PID:\n${table.replace(/^(?=.)/gm, "  ").trimEnd()}`;
}
