import type { Logger } from "pino";
import type { Crew } from "./crew.ts";
import type { Generations, ReloadedKind } from "./generations.ts";

/** The most workers of a kind, as the settings have it. */
const MOST = 1000;

const NAMES: Record<ReloadedKind, string> = { "http-worker": "HTTP", "dirty-worker": "dirty" };

/** How many workers of each kind there are, changed while the server runs. A reload has the config's numbers again. */
export class WorkerCount {
  private readonly generations: Generations;
  private readonly log: Logger;

  constructor(generations: Generations, log: Logger) {
    this.generations = generations;
    this.log = log;
  }

  /**
   * Changes the number by `by`, as far as is possible: there is always one HTTP worker, and never fewer dirty workers
   * than the apps' `workers` need.
   * @returns how many there are from now on.
   */
  change(kind: ReloadedKind, by: number): number {
    const crew = this.crewOf(kind);
    crew.target = Math.min(MOST, Math.max(this.least(kind), crew.target + by));
    this.log.info(`${crew.target} ${NAMES[kind]} workers from now on`);
    return crew.target;
  }

  /**
   * Changes the number by `by`, or not at all.
   * @throws Error with the reason why not.
   */
  changeExactly(kind: ReloadedKind, by: number): number {
    const { target } = this.crewOf(kind);
    const least = this.least(kind);
    const { python, settings } = this.generations.current;
    if (kind === "dirty-worker" && settings.dirtyApps.length === 0)
      throw new Error("There are no dirty apps, so there is nothing for dirty workers to do.");
    if (kind === "dirty-worker" && settings.dirtyApps.length === python.length)
      throw new Error(
        "Every dirty app is in Python, and has as many workers of its own as its class or its spec says.",
      );
    if (target + by < least || target + by > MOST) {
      const why = least > 1 ? ", since an app's workers need as many" : "";
      throw new Error(
        `There are ${target} ${NAMES[kind]} workers; there can be ${least} to ${MOST} of them${why}.`,
      );
    }
    return this.change(kind, by);
  }

  private crewOf(kind: ReloadedKind): Crew {
    const { http, dirty } = this.generations.current;
    return kind === "http-worker" ? http : dirty;
  }

  private least(kind: ReloadedKind): number {
    if (kind === "http-worker") return 1;
    const { dirty } = this.generations.current;
    const needed = Math.max(1, ...dirty.statics.map(({ workers }) => workers ?? 1));
    // Where there were fewer from the start, they are not made more by asking for fewer.
    return Math.min(needed, dirty.target);
  }
}
