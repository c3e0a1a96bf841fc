import type { ToChild } from "../process/channel.ts";
import type { Crew } from "./crew.ts";
import type { Generations } from "./generations.ts";

/** What the dirty arbiter is told, whichever process it is at the moment. */
export class DirtySide {
  private readonly dirtyArbiter: Crew;
  private readonly generations: Generations;
  private toldChildren = "";
  private toldDebugged = "";

  constructor(dirtyArbiter: Crew, generations: Generations) {
    this.dirtyArbiter = dirtyArbiter;
    this.generations = generations;
  }

  /** Other apps can be placed, or other limits hold; said again to one that has just started. */
  configure(): void {
    const { settings } = this.generations.current;
    this.dirtyArbiter.settings = settings;
    this.tell({ type: "configure", apps: this.generations.apps, settings });
  }

  /** A dirty worker is dead. */
  workerGone(worker: number): void {
    this.tell({ type: "workerGone", worker });
  }

  /** Dirty workers start again. */
  starting(): void {
    this.tell({ type: "dirtyWorkersFailing", reason: null });
  }

  /** Where dirty workers keep failing: requests for apps that no worker runs must not wait for them. */
  reportFailing(): void {
    const { currentDirtyCrews, dirtyCrews, apps } = this.generations;
    const failing = currentDirtyCrews.filter((crew) => crew.backoff.looping);
    if (failing.length === 0) return;
    const ready = dirtyCrews.flatMap((crew) => crew.active.filter((child) => child.ready));
    const served = new Set(ready.flatMap((child) => child.apps));
    this.tell({
      type: "dirtyWorkersFailing",
      reason: failing.map((crew) => crew.lastFailure).join("; "),
      // An app with workers of its own that only has not started yet does not fail because another does.
      apps: apps.filter(
        (app) => !served.has(app) && failing.some(({ own }) => own === undefined || own.name === app),
      ),
    });
  }

  /**
   * All children there are. Once killed, this process ends none of them. The dirty arbiter does, and must know of each
   * child before that can speak for itself: code that spins while it is loaded never does.
   */
  know(pids: readonly number[]): void {
    if (pids.join() === this.toldChildren) return;
    this.toldChildren = pids.join();
    this.tell({ type: "children", pids: [...pids] });
  }

  /** Dirty workers that may stand at a breakpoint: the time of their runs says nothing about them. */
  knowDebugged(workers: readonly number[], again = false): void {
    if (!again && workers.join() === this.toldDebugged) return;
    this.toldDebugged = workers.join();
    this.tell({ type: "debugged", workers: [...workers] });
  }

  private tell(message: ToChild): void {
    for (const child of this.dirtyArbiter.active) child.tell(message);
  }
}
