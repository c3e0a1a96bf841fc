import type { Logger } from "pino";
import type { AppStatics } from "../process/channel.ts";
import { chooseApps } from "./app-allocation.ts";
import type { Child } from "./child.ts";
import type { Crew } from "./crew.ts";
import { ResourcePool, resourceVariables } from "./resource-pool.ts";

/** A dirty worker that has loaded its apps' modules and was not told yet which of them it runs. */
interface Candidate {
  readonly crew: Crew;
  readonly child: Child;
  readonly statics: readonly AppStatics[];
}

/** Who may be drained early, so that a successor gets its resources. */
export type Yielders = (candidate: Crew) => readonly { crew: Crew; child: Child; yields: boolean }[];

/**
 * Tells each dirty worker which apps it runs and which units of resources are its own. Where the units are held by
 * workers that are about to be replaced, those are drained one at a time, each just before its successor needs them.
 */
export class Assignments {
  private readonly pool: ResourcePool;
  private readonly log: Logger;
  private readonly yielders: Yielders;
  private candidates: Candidate[] = [];

  constructor(resources: Record<string, string[]>, yielders: Yielders, log: Logger) {
    this.pool = new ResourcePool(resources);
    this.yielders = yielders;
    this.log = log;
  }

  /** Takes over the units of a new config. */
  configure(resources: Record<string, string[]>): void {
    this.pool.configure(resources);
  }

  /** A dirty worker has loaded its apps' modules. */
  loaded(crew: Crew, child: Child, statics: readonly AppStatics[]): void {
    crew.loaded(statics);
    child.waiting = true;
    this.candidates.push({ crew, child, statics });
    this.settle();
  }

  /** A dirty worker is gone, and with it what it held. */
  gone(child: Child): void {
    this.pool.release(child);
    this.candidates = this.candidates.filter((candidate) => candidate.child !== child);
  }

  /** Assigns apps to those that wait, as far as resources allow. Called after every event. */
  settle(): void {
    this.candidates = this.candidates.filter(
      // One that was told to stop meanwhile needs nothing any more.
      (candidate) => !candidate.child.stopping && !this.assign(candidate),
    );
  }

  private assign({ crew, child, statics }: Candidate): boolean {
    const others = crew.fresh.filter((other) => other !== child).map((other) => other.apps);
    // How many workers of its own an app has, its crew knows; that may have been changed since.
    const wishes = crew.own === undefined ? statics : statics.map((one) => ({ ...one, workers: undefined }));
    const { apps, needs, lacking } = chooseApps(wishes, others, (wanted) => this.pool.has(wanted));
    if (lacking.length > 0 && this.waits(crew, child, lacking)) return false;
    for (const { app, resources } of lacking) {
      this.log.warn(
        `dirty worker ${child.pid} does not get ${app}: it needs ${describe(resources)}, and too little of the setting resources is free`,
      );
    }
    child.apps = apps;
    child.waiting = false;
    // What it waited for the resources is not its own time.
    child.startedAt = Date.now();
    child.tell({ type: "assign", apps, env: resourceVariables(this.pool.take(child, needs)) });
    return true;
  }

  /** Whether what is lacking becomes free when a worker that is to be replaced ends; the next of those is drained. */
  private waits(crew: Crew, child: Child, lacking: readonly AppStatics[]): boolean {
    // No worker is drained for units that do not suffice in any case.
    const possible = lacking.filter(({ resources }) =>
      Object.entries(resources).every(([name, count]) => this.pool.exists(name, count)),
    );
    const names = possible.flatMap(({ resources }) => Object.keys(resources));
    const holders = this.yielders(crew).filter((one) =>
      names.some((name) => this.pool.isHeldBy(one.child, name)),
    );
    if (holders.length === 0) return false;
    const draining = holders.some((one) => one.child.stopping);
    const loading = crew.fresh.some((other) => other !== child && !other.ready && !other.waiting);
    // One of a newer generation keeps what it has: its generation commits, and this one goes, or it is given up.
    const next = holders.find((one) => one.yields);
    if (draining || loading || next === undefined) return true;
    this.log.info(`dirty worker ${next.child.pid} is drained for its successor, which needs its resources`);
    if (next.crew !== crew) {
      next.crew.yielded++;
      next.crew.target--;
    }
    next.crew.letGo(next.child);
    return true;
  }
}

function describe(resources: Readonly<Record<string, number>>): string {
  return Object.entries(resources)
    .map(([name, count]) => `${count} ${name}`)
    .join(" and ");
}
