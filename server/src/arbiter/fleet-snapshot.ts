import type { Child } from "./child.ts";
import type { ChildSnapshot, ChildState, FleetSnapshot } from "./control-target.ts";
import type { Crew } from "./crew.ts";
import type { Generations } from "./generations.ts";

/** What a snapshot is made of. */
export interface Fleet extends Pick<FleetSnapshot, "state" | "startedAt" | "listeners" | "restarts"> {
  readonly generations: Generations;
  readonly dirtyArbiter: Crew;
}

/** The whole server at this moment, as `tsunicorn ctl` shows it. */
export function describeFleet({
  generations,
  dirtyArbiter,
  ...fleet
}: Fleet): Omit<FleetSnapshot, "sources"> {
  const { current, httpCrews, dirtyCrews } = generations;
  return {
    ...fleet,
    pid: process.pid,
    generation: current.number,
    targets: {
      "http-worker": current.http.target,
      "dirty-arbiter": dirtyArbiter.target,
      "dirty-worker": generations.dirtyTarget,
    },
    children: [...httpCrews, ...dirtyCrews, dirtyArbiter].flatMap((crew) =>
      [...crew.children].map((child) => describe(child, generations.numberOf(crew))),
    ),
    settings: current.settings,
  };
}

function describe(child: Child, generation: number): ChildSnapshot {
  const { kind, id, pid, startedAt, heardAt, apps } = child;
  return { kind, id, pid, state: stateOf(child), startedAt, heardAt, generation, apps };
}

function stateOf({ stopping, ready, wornOut }: Child): ChildState {
  if (stopping) return "draining";
  if (!ready) return "starting";
  return wornOut ? "outdated" : "ready";
}
