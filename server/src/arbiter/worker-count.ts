import type { Logger } from "pino";
import { parseAppSpec } from "../config/app-spec.ts";
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
   * Changes the number of HTTP workers by `by`, as far as is possible: there is always one.
   * @returns how many there are from now on.
   */
  change(by: number): number {
    const { http } = this.generations.current;
    return this.set(http, Math.min(MOST, Math.max(1, http.target + by)));
  }

  /**
   * Changes the number by `by`, or not at all.
   * @param app of which dirty app the workers are: its canonical name or a part of it that no other has. Default: the
   * workers that apps share, or those of the only app.
   * @returns how many there are from now on.
   * @throws Error with the reason why not.
   */
  changeExactly(kind: ReloadedKind, by: number, app?: string): number {
    const crew = kind === "http-worker" ? this.generations.current.http : this.dirtyCrew(app);
    const least = leastOf(crew);
    const wanted = crew.target + by;
    if (wanted < least || wanted > MOST) {
      const why = least > 1 ? ", since an app's workers need as many" : "";
      throw new Error(
        `There are ${crew.target} ${titleOf(crew)}; there can be ${least} to ${MOST} of them${why}.`,
      );
    }
    return this.set(crew, wanted);
  }

  private set(crew: Crew, target: number): number {
    crew.target = target;
    this.log.info(`${target} ${titleOf(crew)} from now on`);
    return target;
  }

  private dirtyCrew(app: string | undefined): Crew {
    const { dirty, own, settings } = this.generations.current;
    if (settings.dirtySocket !== undefined)
      throw new Error("The dirty apps are in Gunicorn, and so are their workers.");
    const apps = settings.dirtyApps.map((spec) => parseAppSpec(spec, settings.chdir).name);
    if (apps.length === 0)
      throw new Error("There are no dirty apps, so there is nothing for dirty workers to do.");
    if (app === undefined) {
      if (own.length < apps.length) return dirty;
      const [only] = own;
      if (only !== undefined && own.length === 1) return only;
      throw new Error(`Each dirty app has workers of its own; say which one is meant: ${apps.join(" or ")}.`);
    }
    const name = apps.includes(app) ? app : onlyOne(apps, app);
    return own.find((crew) => crew.own?.name === name) ?? dirty;
  }
}

/** The app whose name has this in it. */
function onlyOne(apps: readonly string[], part: string): string {
  const [found, another] = apps.filter((name) => name.includes(part));
  if (found !== undefined && another === undefined) return found;
  const what = found === undefined ? "No dirty app has" : "Several dirty apps have";
  throw new Error(`${what} ${JSON.stringify(part)} in the name; there is ${apps.join(" and ")}.`);
}

/** How few there can be: never fewer than the apps' `workers` need, where they share them. */
function leastOf(crew: Crew): number {
  if (crew.kind === "http-worker" || crew.own !== undefined) return 1;
  const needed = Math.max(1, ...crew.statics.map(({ workers }) => workers ?? 1));
  // Where there were fewer from the start, they are not made more by asking for fewer.
  return Math.min(needed, crew.target);
}

function titleOf({ kind, own }: Crew): string {
  const name = kind === "http-worker" ? NAMES[kind] : NAMES["dirty-worker"];
  return own === undefined ? `${name} workers` : `${name} workers of ${own.name}`;
}
