import type { ExitedWorker } from "../config/hooks.ts";
import type { Settings } from "../config/settings.ts";
import type { Child } from "./child.ts";
import type { ServerState } from "./hook-messages.ts";

/** The server as hooks see it. @param children the workers that there are; others are left out. */
export function describeServer(settings: Settings, children: readonly Child[]): ServerState {
  return {
    pid: process.pid,
    name: settings.name,
    settings,
    workers: children.flatMap(({ kind, id, pid, apps, ready, stopping }) =>
      kind === "dirty-arbiter" ? [] : [{ kind, id, pid, apps, ready: ready && !stopping }],
    ),
  };
}

/** A child that has ended as hooks see it; undefined when it was not a worker. */
export function describeExit({ kind, id, pid, apps, failure, end }: Child): ExitedWorker | undefined {
  return kind === "dirty-arbiter" ? undefined : { kind, id, pid, apps, reason: failure ?? end };
}
