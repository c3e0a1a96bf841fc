import type { AppStatics } from "../process/channel.ts";
import type { Needs } from "./resource-pool.ts";

/** Which apps a dirty worker gets. */
export interface Allocation {
  /** Canonical names. */
  apps: string[];
  /** What these apps need, all together. */
  needs: Needs;
  /** Apps that it would get if more units of resources were free. */
  lacking: AppStatics[];
}

/**
 * Chooses the apps of a dirty worker that has just started: every app without a limit, and of those with one
 * (`static workers`, or the N of `PATH:Class:N`) each that is loaded in fewer workers than it asks for. A
 * replacement gets what the dead one had, because that is what is missing. Apps that need resources come in the
 * order of the config, as far as what is free suffices.
 *
 * @param statics what the worker read from the apps' classes.
 * @param taken the apps of the workers that live, one list a worker.
 * @param isFree whether that much of the resources is free.
 */
export function chooseApps(
  statics: readonly AppStatics[],
  taken: readonly (readonly string[])[],
  isFree: (needs: Needs) => boolean,
): Allocation {
  const allocation: Allocation = { apps: [], needs: {}, lacking: [] };
  for (const candidate of statics) {
    const { app, workers, resources } = candidate;
    if (workers !== undefined && taken.filter((apps) => apps.includes(app)).length >= workers) continue;
    const needs = sum(allocation.needs, resources);
    if (isFree(needs)) {
      allocation.apps.push(app);
      allocation.needs = needs;
    } else {
      allocation.lacking.push(candidate);
    }
  }
  return allocation;
}

function sum(a: Needs, b: Needs): Needs {
  const both = { ...a };
  for (const [name, count] of Object.entries(b)) both[name] = (both[name] ?? 0) + count;
  return both;
}
