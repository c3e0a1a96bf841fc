import { hideSecrets } from "../config/hide-secrets.ts";
import { describeSource } from "../config/layer.ts";
import type { Kind } from "../process/channel.ts";
import type {
  DirtyArbiterReport,
  DirtyWorkerReport,
  HttpWorkerReport,
  ProcessReport,
} from "../process/reports.ts";
import { packageVersion } from "../process/version.ts";
import type { ChildSnapshot, ControlTarget, FleetSnapshot } from "./control-target.ts";

/**
 * The server at one moment with what its processes said: what every `show` is made from. Ages are in seconds,
 * memory in bytes. What a process did not say is null.
 */
export class View {
  private readonly fleet: FleetSnapshot;
  private readonly reports: ReadonlyMap<number, unknown>;
  private readonly now = Date.now();

  private constructor(fleet: FleetSnapshot, reports: ReadonlyMap<number, unknown>) {
    this.fleet = fleet;
    this.reports = reports;
  }

  /** Asks the processes of these kinds, all at once, and keeps what they answer. */
  static async of(target: ControlTarget, ...kinds: Kind[]): Promise<View> {
    const fleet = target.snapshot();
    // A child that still loads its app may be busy with that for minutes; it is known to be starting.
    const asked = fleet.children.filter(({ kind, state }) => kinds.includes(kind) && state !== "starting");
    const answers = await Promise.all(asked.map(async ({ pid }) => [pid, await target.report(pid)] as const));
    return new View(fleet, new Map(answers));
  }

  /** Who this is, without asking anybody. */
  identity() {
    const { pid, state, settings } = this.fleet;
    const { name, config = null, dirtyInitTimeout } = settings;
    return { pid, name, state, config, uptime: this.since(this.fleet.startedAt), dirtyInitTimeout };
  }

  workers() {
    return {
      target: this.fleet.targets["http-worker"],
      workers: this.children("http-worker").map((child) => {
        const report = this.report<HttpWorkerReport>(child);
        return {
          ...this.life(child),
          heard: this.since(child.heardAt),
          requests: report?.requests ?? null,
          inProgress: report?.inProgress ?? null,
          connections: report?.connections ?? null,
          ...measured(report),
        };
      }),
    };
  }

  dirty() {
    const seen = new Map(this.arbiterReport()?.workers.map((worker) => [worker.worker, worker]));
    const [arbiter] = this.children("dirty-arbiter");
    return {
      target: this.fleet.targets["dirty-worker"],
      failing: this.arbiterReport()?.failing ?? null,
      gunicorn: this.fleet.settings.dirtySocket ?? null,
      arbiter:
        arbiter === undefined
          ? null
          : { ...this.life(arbiter), ...measured(this.report<DirtyArbiterReport>(arbiter)) },
      workers: this.children("dirty-worker").map((child) => {
        const report = this.report<DirtyWorkerReport>(child);
        const view = seen.get(child.id);
        return {
          ...this.life(child),
          apps: [...child.apps],
          runs: report?.runs ?? null,
          running: report?.running ?? null,
          ...measured(report),
          connected: view?.connected ?? null,
          silent: view?.silent ?? null,
          load: view === undefined ? null : rounded(view.load),
          leases: view?.leases ?? null,
        };
      }),
    };
  }

  /** @throws Error when the dirty arbiter, which alone knows, does not answer. */
  apps() {
    return this.knownApps().map(({ app, workers, running, places, queued }) => ({
      app,
      workers,
      pids: this.children("dirty-worker").flatMap((child) => (child.apps.includes(app) ? [child.pid] : [])),
      running,
      places,
      queued,
    }));
  }

  /** @throws Error when the dirty arbiter, which alone knows, does not answer. */
  queues() {
    const { dirtyQueueSize, dirtyQueueTimeout } = this.fleet.settings;
    return this.knownApps().map(({ app, queued, oldestWait, retryAfter }) => ({
      app,
      queued,
      limit: dirtyQueueSize,
      oldestWait: oldestWait === null ? null : rounded(oldestWait),
      timeout: dirtyQueueTimeout,
      retryAfter,
    }));
  }

  /** @throws Error when the dirty arbiter, which alone knows, does not answer. */
  streams() {
    const { leases, leasesLeftOut } = this.knownArbiterReport();
    const pids = new Map(this.fleet.children.map(({ id, pid }) => [id, pid]));
    return {
      total: leases.length + leasesLeftOut,
      streams: leases.map(({ slot, app, worker, state, age, left }) => ({
        slot,
        app,
        pid: pids.get(worker) ?? null,
        state,
        age: rounded(age),
        left: rounded(left),
      })),
    };
  }

  config() {
    const { settings, sources } = this.fleet;
    const values: Readonly<Record<string, unknown>> = settings;
    return Object.entries(sources).map(([name, source]) => ({
      name,
      value: hideSecrets(name, values[name]) ?? null,
      source: describeSource(source),
    }));
  }

  listeners() {
    return this.fleet.listeners.map(({ serves, url }) => ({ serves, url }));
  }

  stats() {
    const { targets, generation, restarts } = this.fleet;
    const http = this.workers().workers;
    const apps = this.arbiterReport()?.apps;
    const own: ProcessReport = { rss: process.memoryUsage.rss(), loop: 0 };
    const all = [own, ...this.fleet.children.map((child) => this.report<ProcessReport>(child))];
    return {
      version: packageVersion(),
      node: process.version,
      ...this.identity(),
      generation,
      httpWorkers: { target: targets["http-worker"], ready: this.ready("http-worker") },
      dirtyWorkers: { target: targets["dirty-worker"], ready: this.ready("dirty-worker") },
      requests: sum(http.map((worker) => worker.requests)),
      inProgress: sum(http.map((worker) => worker.inProgress)),
      connections: sum(http.map((worker) => worker.connections)),
      running: apps === undefined ? null : sum(apps.map((app) => app.running)),
      queued: apps === undefined ? null : sum(apps.map((app) => app.queued)),
      rss: sum(all.map((report) => report?.rss ?? 0)),
      silent: this.fleet.children.filter((child) => child.state !== "starting" && !this.answered(child))
        .length,
      restarts: restarts.map(({ kind, reason, count }) => ({ kind, reason, count })),
    };
  }

  /** Everything but the settings. What only the dirty arbiter knows is null while it does not answer. */
  all() {
    const known = this.arbiterReport() !== undefined;
    return {
      stats: this.stats(),
      listeners: this.listeners(),
      workers: this.workers(),
      dirty: this.dirty(),
      apps: known ? this.apps() : null,
      queues: known ? this.queues() : null,
      streams: known ? this.streams() : null,
    };
  }

  private children(kind: Kind): ChildSnapshot[] {
    return this.fleet.children.filter((child) => child.kind === kind);
  }

  private ready(kind: Kind): number {
    return this.children(kind).filter(({ state }) => state === "ready" || state === "outdated").length;
  }

  private life(child: ChildSnapshot) {
    const { pid, id, state, generation, startedAt } = child;
    // The dirty arbiter is of none.
    const number = generation === 0 ? null : generation;
    return { pid, id, state, answered: this.answered(child), generation: number, age: this.since(startedAt) };
  }

  private answered(child: ChildSnapshot): boolean {
    return this.report(child) !== undefined;
  }

  // Each kind sends its own shape, which is written in this package and read in the same version of it.
  private report<Report>(child: ChildSnapshot): Report | undefined {
    return (this.reports.get(child.pid) ?? undefined) as Report | undefined;
  }

  private arbiterReport(): DirtyArbiterReport | undefined {
    const [arbiter] = this.children("dirty-arbiter");
    return arbiter === undefined ? undefined : this.report<DirtyArbiterReport>(arbiter);
  }

  private knownArbiterReport(): DirtyArbiterReport {
    const report = this.arbiterReport();
    const { dirtySocket } = this.fleet.settings;
    if (dirtySocket !== undefined)
      throw new Error(`The dirty apps are in the Gunicorn at ${dirtySocket}, which alone shows them.`);
    if (report === undefined)
      throw new Error("The dirty arbiter does not answer; if it is being replaced, try again.");
    return report;
  }

  private knownApps() {
    return this.knownArbiterReport().apps;
  }

  // A clock that was set back must not make anything younger than new.
  private since(time: number): number {
    return rounded(Math.max(0, this.now - time) / 1000);
  }
}

function measured(report: ProcessReport | undefined) {
  return { rss: report?.rss ?? null, loop: report === undefined ? null : rounded(report.loop) };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function sum(values: readonly (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}
