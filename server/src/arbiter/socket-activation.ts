import { isIP } from "node:net";
import { formatBindAddress, parseBindAddress } from "../config/bind-address.ts";
import { ListeningSocket } from "./listening-socket.ts";

/** The first file descriptor that a service manager passes on: `SD_LISTEN_FDS_START` of sd_listen_fds(3). */
const FIRST_INHERITED_FD = 3;
/** More than anybody listens on, and few enough to try each. */
const MOST_SOCKETS = 1024;

/**
 * Takes the listening sockets that a service manager started this process with (`LISTEN_PID`, `LISTEN_FDS`,
 * `LISTEN_FDNAMES`, as sd_listen_fds(3) describes them), and takes those variables out of the environment, so
 * that no child believes that they are meant for it.
 * @param env is changed.
 * @returns the sockets in their order; empty when none were inherited, or they are meant for another process.
 * @throws Error when one of them cannot be listened on; then none is kept.
 */
export function takeInheritedSockets(env: NodeJS.ProcessEnv, pid: number = process.pid): ListeningSocket[] {
  const { LISTEN_PID: owner, LISTEN_FDS: count, LISTEN_FDNAMES: names = "" } = env;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete env[name];
  if (owner !== String(pid) || count === undefined) return [];
  if (!/^\d{1,4}$/.test(count) || Number(count) > MOST_SOCKETS) {
    throw new Error(`LISTEN_FDS is ${JSON.stringify(count)}, which is not a number of sockets.`);
  }
  const named = names.split(":");
  const sockets: ListeningSocket[] = [];
  try {
    for (let index = 0; index < Number(count); index++) {
      const fd = FIRST_INHERITED_FD + index;
      const name = named[index] ? `${fd} (${named[index]})` : String(fd);
      sockets.push(ListeningSocket.inherited(fd, name));
    }
  } catch (error) {
    for (const socket of sockets) socket.close();
    throw error;
  }
  return sockets;
}

/**
 * The addresses of `bind` that no inherited socket is bound to. A host's name counts as any address with its
 * port, since the service manager may have looked it up elsewhere.
 */
export function unmatchedBinds(bind: readonly string[], inherited: readonly ListeningSocket[]): string[] {
  return bind.filter((wanted) => !inherited.some(({ address }) => isSame(wanted, address)));
}

const EVERY_ADDRESS = [undefined, "::", "0.0.0.0"];

function isSame(wanted: string, inherited: string): boolean {
  const a = parseBindAddress(wanted);
  const b = parseBindAddress(inherited);
  if (a.kind === "unix" || b.kind === "unix") return formatBindAddress(a) === formatBindAddress(b);
  if (a.port !== b.port) return false;
  if (EVERY_ADDRESS.includes(a.host)) return EVERY_ADDRESS.includes(b.host);
  return a.host === b.host || (a.host !== undefined && isIP(a.host) === 0);
}
