import { type AppSpec, MOST_OWN_WORKERS, parseAppSpec } from "../config/app-spec.ts";
import type { Settings } from "../config/settings.ts";
import type { Kind } from "../process/channel.ts";
import { Crew } from "./crew.ts";

/** The kinds of children that a reload replaces. The dirty arbiter runs no user code and is told of changes. */
export type ReloadedKind = Exclude<Kind, "dirty-arbiter">;

/** The workers that were started with the same config and code. */
export interface Generation {
  readonly number: number;
  readonly settings: Settings;
  readonly http: Crew;
  /** The dirty workers that the apps share which have none of their own. */
  readonly dirty: Crew;
  /** A crew of dirty workers for each app that has its own. */
  readonly own: readonly Crew[];
}

/** The settings were good, and the workers that they asked for were given up. */
export class GivenUpError extends Error {
  override readonly name = "GivenUpError";
  /** The kind that could not start; undefined: none is to blame, the generation was only in the way. */
  readonly culprit: ReloadedKind | undefined;

  constructor(reason: string, culprit?: ReloadedKind) {
    super(reason);
    this.culprit = culprit;
  }
}

/** What the arbiter does about changes of generations. */
export interface GenerationEvents {
  /** Other apps can be placed from now on, or other limits hold. */
  appsChanged(): void;
  /** The next generation serves; the one before it drains. */
  committed(generation: Generation): void;
  /** The next generation was given up. */
  abandoned(generation: Generation, reason: string): void;
}

/** The next generation while it starts, and who waits for its end. */
interface Upcoming {
  readonly generation: Generation;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * The generations of workers: the one that serves, at most one that starts, and those that drain. A reload starts
 * the next one beside the current one, its dirty workers first, since its HTTP workers serve from their start; when
 * all of it is ready, the old HTTP workers drain, and behind them the old dirty workers.
 */
export class Generations {
  current: Generation;
  private readonly events: GenerationEvents;
  private upcoming: Upcoming | undefined;
  private leaving: Generation[] = [];

  constructor(settings: Settings, events: GenerationEvents) {
    this.events = events;
    this.current = {
      number: 1,
      settings,
      http: new Crew("http-worker", settings.workers, settings),
      ...dirtySide(settings),
    };
  }

  /** The crews of HTTP workers, of every generation. */
  get httpCrews(): Crew[] {
    return this.crewsOf(({ http }) => [http]);
  }

  /** The crews of dirty workers, of every generation. */
  get dirtyCrews(): Crew[] {
    return this.crewsOf(dirtyCrewsOf);
  }

  /** The crews of dirty workers that serve. */
  get currentDirtyCrews(): Crew[] {
    return dirtyCrewsOf(this.current);
  }

  /** How many dirty workers should serve, of all apps together. */
  get dirtyTarget(): number {
    return this.currentDirtyCrews.reduce((sum, { target }) => sum + target, 0);
  }

  /** Canonical names of the apps that can be placed. */
  get apps(): string[] {
    const { upcoming } = this;
    // The next generation's apps are announced when its dirty workers are ready: before, no worker could run them.
    const next =
      upcoming !== undefined && dirtyCrewsOf(upcoming.generation).every((crew) => crew.complete)
        ? [upcoming.generation]
        : [];
    // What drains needs its apps until its last HTTP worker has gone.
    const old = this.leaving.filter(isServing);
    return [...new Set([this.current, ...next, ...old].flatMap(({ settings }) => appsOf(settings)))];
  }

  /** The addresses of the generations that serve or start. */
  get binds(): string[] {
    return [...this.current.settings.bind, ...(this.upcoming?.generation.settings.bind ?? [])];
  }

  /** Whether a generation starts. */
  get reloading(): boolean {
    return this.upcoming !== undefined;
  }

  /** The number of the generation that a crew is of; 0 for the dirty arbiter's, which is of none. */
  numberOf(crew: Crew): number {
    const { current, upcoming, leaving } = this;
    const all = [...leaving, current, ...(upcoming === undefined ? [] : [upcoming.generation])];
    return all.find((one) => one.http === crew || dirtyCrewsOf(one).includes(crew))?.number ?? 0;
  }

  /** Whether a crew is of a generation that drains. */
  isLeaving(crew: Crew): boolean {
    return !this.isCurrent(crew) && !this.isUpcoming(crew) && this.numberOf(crew) > 0;
  }

  /** Whether a crew is of the generation that starts. */
  isUpcoming(crew: Crew): boolean {
    const next = this.upcoming?.generation;
    if (next === undefined || this.isCurrent(crew)) return false;
    return next.http === crew || dirtyCrewsOf(next).includes(crew);
  }

  /** Whether the workers of a crew go, or are to go, before those of another. */
  isBefore(crew: Crew, other: Crew): boolean {
    return this.turnOf(crew) < this.turnOf(other);
  }

  /** The apps that a crew which drains still serves, for the HTTP workers of its generation. */
  kept(crew: Crew): string[] | undefined {
    const generation = this.leaving.find((one) => dirtyCrewsOf(one).includes(crew));
    if (generation === undefined) return undefined;
    const served = appsOf(this.current.settings);
    return appsOf(generation.settings).filter((app) => !served.includes(app));
  }

  /**
   * Starts the next generation. One that is starting already is given up.
   * @param kinds whose workers are replaced; the others stay.
   * @returns when it serves.
   * @throws Error with the reason for which it was given up.
   */
  begin(settings: Settings, kinds: ReadonlySet<ReloadedKind>): Promise<void> {
    this.abandon("another reload was asked for meanwhile");
    const { current } = this;
    const number = current.number + 1;
    const { dirty, own } = kinds.has("dirty-worker") ? dirtySide(settings) : current;
    // None of its HTTP workers until its dirty workers are ready.
    const http = kinds.has("http-worker") ? new Crew("http-worker", 0, settings) : current.http;
    return new Promise((resolve, reject) => {
      this.upcoming = { generation: { number, settings, http, dirty, own }, resolve, reject };
    });
  }

  /**
   * Gives up the generation that starts, if there is one.
   * @param culprit the kind that could not start. Default: none is to blame.
   */
  abandon(reason: string, culprit?: Kind): void {
    const { upcoming } = this;
    if (upcoming === undefined) return;
    this.upcoming = undefined;
    const { generation, reject } = upcoming;
    this.retire(generation);
    for (const crew of this.currentDirtyCrews) {
      crew.target += crew.yielded;
      crew.yielded = 0;
    }
    this.events.appsChanged();
    this.events.abandoned(generation, reason);
    reject(new GivenUpError(reason, culprit === "dirty-arbiter" ? undefined : culprit));
  }

  /** Goes on with whatever is under way. Called after every event. */
  advance(): void {
    this.drainLeaving();
    const { upcoming } = this;
    if (upcoming === undefined) return;
    const { generation } = upcoming;
    const failing = [...dirtyCrewsOf(generation), generation.http].find(
      (crew) => this.isUpcoming(crew) && crew.backoff.looping,
    );
    if (failing !== undefined) {
      const { kind, lastFailure } = failing;
      this.abandon(`the ${kind.replace("-", " ")} cannot start: ${lastFailure}`, kind);
      return;
    }
    if (dirtyCrewsOf(generation).some((crew) => this.isUpcoming(crew) && !crew.complete)) return;
    const { http, settings } = generation;
    if (http !== this.current.http && http.target === 0) {
      http.target = settings.workers;
      this.events.appsChanged();
    }
    if (!this.isUpcoming(http) || http.complete) this.commit(upcoming);
  }

  private commit({ generation, resolve }: Upcoming): void {
    const old = this.current;
    this.upcoming = undefined;
    this.current = generation;
    this.retire(old);
    this.events.appsChanged();
    this.events.committed(generation);
    resolve();
  }

  // What both generations have stays.
  private retire(old: Generation): void {
    const { http, dirty } = this.current;
    if (old.http !== http) old.http.target = 0;
    if (old.dirty === dirty && old.http === http) return;
    this.leaving.push(old);
    if (old.dirty === dirty) return;
    const keep = this.kept(old.dirty) ?? [];
    for (const crew of dirtyCrewsOf(old)) {
      if (keep.length === 0 || old.http.children.size === 0) crew.target = 0;
      else for (const child of crew.active) child.tell({ type: "retire", keep });
    }
  }

  private drainLeaving(): void {
    this.leaving = this.leaving.filter((old) => {
      const httpGone = old.http === this.current.http || old.http.children.size === 0;
      if (!httpGone) return true;
      if (old.dirty === this.current.dirty) return false;
      if (isServing(old)) {
        for (const crew of dirtyCrewsOf(old)) crew.target = 0;
        this.events.appsChanged();
      }
      return dirtyCrewsOf(old).some((crew) => crew.children.size > 0);
    });
  }

  private turnOf(crew: Crew): number {
    if (this.isLeaving(crew)) return 0;
    return this.isUpcoming(crew) ? 2 : 1;
  }

  private isCurrent(crew: Crew): boolean {
    return crew === this.current.http || this.currentDirtyCrews.includes(crew);
  }

  private crewsOf(choose: (generation: Generation) => readonly Crew[]): Crew[] {
    const { upcoming, current, leaving } = this;
    const all = [current, ...(upcoming === undefined ? [] : [upcoming.generation]), ...leaving];
    return [...new Set(all.flatMap(choose))];
  }
}

function dirtyCrewsOf({ dirty, own }: Generation): Crew[] {
  return [dirty, ...own];
}

function isServing(generation: Generation): boolean {
  return dirtyCrewsOf(generation).some((crew) => crew.target > 0);
}

/** The crews of dirty workers that the settings ask for: one for the apps that share, and one for each other app. */
function dirtySide(settings: Settings): Pick<Generation, "dirty" | "own"> {
  const { dirtyWorkers, dirtyOwnWorkers } = settings;
  const specs = ownApps(settings);
  const apart = specs.filter(({ language }) => dirtyOwnWorkers || language === "python");
  // Without an app they would have nothing to run.
  const target = apart.length < specs.length || specs.length === 0 ? dirtyWorkers : 0;
  return {
    dirty: new Crew("dirty-worker", target, settings),
    own: apart.map((app) => {
      const usual = app.language === "python" ? 1 : dirtyWorkers;
      return new Crew("dirty-worker", Math.min(MOST_OWN_WORKERS, app.workers ?? usual), settings, app);
    }),
  };
}

function appsOf(settings: Settings): string[] {
  return ownApps(settings).map(({ name }) => name);
}

/** The apps that this server runs: with `dirtySocket` all of them are in Gunicorn. */
function ownApps({ dirtyApps, dirtySocket, chdir }: Settings): AppSpec[] {
  return dirtySocket === undefined ? dirtyApps.map((spec) => parseAppSpec(spec, chdir)) : [];
}
