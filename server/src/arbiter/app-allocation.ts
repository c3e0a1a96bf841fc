import type { AppStatics } from "../process/channel.ts";

/**
 * Chooses the apps of a dirty worker that has just started: every app without a limit, and of those with one
 * (`static workers`, or the N of `PATH:Class:N`) each that is loaded in fewer workers than it asks for. A
 * replacement gets what the dead one had, because that is what is missing.
 *
 * @param statics what the worker read from the apps' classes.
 * @param taken the apps of the workers that live, one list a worker.
 */
export function chooseApps(statics: readonly AppStatics[], taken: readonly (readonly string[])[]): string[] {
  return statics
    .filter(({ app, workers }) => {
      if (workers === undefined) return true;
      return taken.filter((apps) => apps.includes(app)).length < workers;
    })
    .map(({ app }) => app);
}
