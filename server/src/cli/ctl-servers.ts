import { lstatSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { askServer, NoServerError } from "./ctl-client.ts";
import { isRow, type Row } from "./ctl-rows.ts";

/** ms within which a server must have said who it is. */
const PING_MS = 2000;

/** A running server. */
export interface FoundServer {
  /** Path of its control socket. */
  readonly socket: string;
  readonly pid: number;
  readonly name: string;
  /** Its config file, absolute; undefined when it has none. */
  readonly config: string | undefined;
  /** Seconds since it started. */
  readonly uptime: number;
}

/** The servers of this user whose private folders are in `folder`. */
export interface Search {
  readonly servers: readonly FoundServer[];
  /** Control sockets on which a process listens that did not answer. */
  readonly silent: readonly string[];
}

/** Looks for running servers of this user. @param folder the folder of temporary files. */
export async function findServers(folder: string): Promise<Search> {
  const servers: FoundServer[] = [];
  const silent: string[] = [];
  await Promise.all(
    privateFolders(folder).map(async (name) => {
      const socket = join(folder, name, "control.sock");
      try {
        const server = readServer(socket, await askServer(socket, ["ping"], PING_MS));
        if (server !== undefined) servers.push(server);
      } catch (error) {
        // A folder that a killed server left behind does not count.
        if (!(error instanceof NoServerError)) silent.push(socket);
      }
    }),
  );
  return { servers: servers.sort((a, b) => a.pid - b.pid), silent: silent.sort() };
}

/** Reads the answer to `ping`; undefined for any other answer. */
export function readServer(socket: string, answer: unknown): FoundServer | undefined {
  if (!isRow(answer)) return undefined;
  const { pid, name, config, uptime }: Row = answer;
  if (typeof pid !== "number" || typeof uptime !== "number") return undefined;
  return {
    socket,
    pid,
    name: typeof name === "string" ? name : "",
    config: typeof config === "string" ? resolve(config) : undefined,
    uptime,
  };
}

function privateFolders(folder: string): string[] {
  const uid = process.getuid?.();
  try {
    return readdirSync(folder).filter((name) => {
      if (!name.startsWith("tsunicorn-")) return false;
      // Another user's folder of that name could hold anything.
      const found = lstatSync(join(folder, name), { throwIfNoEntry: false });
      return found?.isDirectory() === true && found.uid === uid;
    });
  } catch {
    return [];
  }
}
