/** What a client may meet under faults, and what nothing excuses. */
import { LIMITS } from "./limits.ts";
import type { World } from "./world.ts";

/** ms before a cut connection in which the death that cut it must lie, and ms after it until that is noticed. */
const CUT_MS = { before: 1_500, after: 500 };
/** ms within which the runs of a dirty worker that died must get their error. */
const DEATH_TOLD_MS = 2_000;
/** Deaths of dirty workers that count as a crash loop, with all there are, and ms within which they were. */
const CRASH_LOOP = { deaths: LIMITS.dirtyWorkers + 3, ms: 10_000 };
/** How often a request is placed again when its worker dies before it began. */
const PLACINGS = 3;

/**
 * Whether a connection that was cut at a time may have been: its HTTP worker died, and nothing else.
 *
 * @param lag ms by which a reader that pauses may learn of it later.
 */
export function mayBeCut({ faults }: World, at: number, lag: number): boolean {
  return faults
    .between("http worker", at - CUT_MS.before - lag, at + CUT_MS.after)
    .some((fault) => fault.action !== "pause");
}

/** An error that a request ended with. */
export interface Failure {
  readonly type: string;
  /** When the request was made. */
  readonly from: number;
  /** When its error came. */
  readonly at: number;
  /** ms by which a reader that pauses may learn of it later. */
  readonly lag: number;
}

/** Whether a request may end with such an error. */
export function mayFail({ faults, features }: World, { type, from, at, lag }: Failure): boolean {
  if (type === "timeout") {
    const isOverdue = at - from >= LIMITS.dirtyTimeout * 1000 - 500;
    // Its worker stood still, or it waited for another while no dirty arbiter could place it.
    const stoodStill = faults.between("dirty worker", from, at).some((fault) => fault.action !== "kill");
    return isOverdue && (stoodStill || faults.between("dirty arbiter", from, at).length > 0);
  }
  // No worker was left, and those after it failed to start again and again: the server does not wait for such.
  if (type === "no_workers")
    return faults.deaths("dirty worker", at - CRASH_LOOP.ms, at) >= CRASH_LOOP.deaths;
  if (type !== "worker_died") return false;
  if (features.migration) {
    return faults.deaths("dirty worker", from, at + CUT_MS.after) > Math.min(PLACINGS, LIMITS.migrationLimit);
  }
  return faults
    .between("dirty worker", at - DEATH_TOLD_MS - lag, at)
    .some((fault) => fault.action !== "pause");
}

/**
 * Whether a run may be gone: its dirty worker died, or stood still for too long, while the run had no reader.
 *
 * @param heardAt when its reader last got something. The end of the connection says less: an HTTP worker that is
 *   stuck reads the run for no client, and does not notice.
 */
export function mayBeGone({ faults }: World, heardAt: number, at: number): boolean {
  return faults
    .between("dirty worker", heardAt - DEATH_TOLD_MS, at)
    .some((fault) => fault.action !== "pause");
}

/**
 * Whether the server may have lost a request that waited for a slot: its HTTP worker and the dirty arbiter, which alone
 * knew of it, both died.
 */
export function mayBeLostWaiting({ faults }: World, from: number, at: number): boolean {
  const died = (kind: "http worker" | "dirty arbiter") =>
    faults.between(kind, from, at).some((fault) => fault.action !== "pause");
  return died("http worker") && died("dirty arbiter");
}

/** ms within which a dirty worker that runs has registered with a new dirty arbiter. */
const KNOWN_AGAIN_MS = 250;
/** ms within which a dirty worker that goes on after a pause has registered with a new dirty arbiter. */
const REGISTERED_MS = 1_500;

/**
 * Whether the server may have forgotten a run that is gone. The dirty arbiter, which alone would remember it, died too.
 * It died after the run's worker. Or it died before it and had no successor yet. Or it died while that worker stood
 * still, which then never told the successor what it ran.
 */
export function mayBeForgotten({ faults }: World, heardAt: number, at: number): boolean {
  const arbiters = faults.faults.filter(({ kind, action }) => kind === "dirty arbiter" && action !== "pause");
  return faults
    .between("dirty worker", heardAt - DEATH_TOLD_MS, at)
    .filter((worker) => worker.action !== "pause")
    .some((worker) => {
      const stoodStill = faults.faults.filter(
        ({ pid, action, over }) =>
          pid === worker.pid && action === "pause" && (over ?? worker.at) >= worker.at - REGISTERED_MS,
      );
      return arbiters.some(
        (fault) =>
          fault.at <= at &&
          ((fault.replacedAt ?? at) + KNOWN_AGAIN_MS >= worker.at ||
            stoodStill.some((pause) => fault.at <= worker.at && (pause.over ?? worker.at) >= fault.at)),
      );
    });
}
