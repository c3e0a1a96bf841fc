import inspector from "node:inspector";
import { isIPv6 } from "node:net";
import { type Boot, tellArbiter } from "./channel.ts";
import { getLogger } from "./logger.ts";

/** ms between two looks: an app, or an editor through NODE_OPTIONS, may let a debugger in later. */
const LOOK_MS = 1000;

/**
 * Listens for a debugger where the arbiter says so, and tells the arbiter whether this process does, since a process that
 * stands at a breakpoint cannot say that it lives. To be called before any code of the user's is loaded.
 */
export function listenForDebugger({ inspect }: Boot): void {
  if (inspect !== undefined && inspector.url() === undefined) {
    inspector.open(inspect.port, inspect.host);
    const url = inspector.url();
    // Node has printed why.
    if (url === undefined)
      getLogger().warn(`no debugger can connect: ${address(inspect)} cannot be listened on`);
    else getLogger().info(`a debugger can connect to ${new URL(url).host}`);
  }
  let told = false;
  const look = (): void => {
    const debugged = inspector.url() !== undefined;
    if (debugged !== told) tellArbiter({ type: "debugged", debugged });
    told = debugged;
  };
  look();
  setInterval(look, LOOK_MS).unref();
}

/** Lets go of a debugger: a process that one is connected to does not end before that leaves. */
export function leaveDebugger(): void {
  if (inspector.url() !== undefined) inspector.close();
}

function address({ host, port }: { host: string; port: number }): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
