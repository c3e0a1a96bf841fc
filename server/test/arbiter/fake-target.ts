/** A server that exists only as what the control socket sees of it. */
import type { ChildSnapshot, ControlTarget, FleetSnapshot } from "../../src/arbiter/control-target.ts";
import { resolveSettings } from "../../src/config/resolve.ts";
import type { Settings } from "../../src/config/settings.ts";
import type { Kind } from "../../src/process/channel.ts";
import type { DirtyArbiterReport } from "../../src/process/reports.ts";

const { settings, sources } = resolveSettings([], { cwd: "/srv", configFile: undefined });

/** What a dirty arbiter with one app, one worker and one run in progress reports. */
export const ARBITER_REPORT: DirtyArbiterReport = {
  rss: 50 * 1024 ** 2,
  loop: 0.01,
  apps: [{ app: "chat:Chat", workers: 1, running: 1, places: 4, queued: 2, oldestWait: 1.25, retryAfter: 3 }],
  workers: [{ worker: 4, connected: true, silent: false, load: 0.25, leases: 1 }],
  leases: [{ slot: 77, app: "chat:Chat", worker: 4, state: "running", age: 61.5, left: 238.5 }],
  leasesLeftOut: 0,
  failing: null,
};

/** The server under test's control: two HTTP workers (one starting), a dirty arbiter, a dirty worker. */
export class FakeTarget implements ControlTarget {
  /** All that it was told to do. */
  readonly done: unknown[] = [];
  /** What each child answers, by its process id; those that are not here do not answer. */
  readonly reports = new Map<number, unknown>([
    [101, { rss: 60 * 1024 ** 2, loop: 0.125, requests: 1234, inProgress: 2, connections: 3 }],
    [103, ARBITER_REPORT],
    [104, { rss: 70 * 1024 ** 2, loop: 0.5, runs: 9, running: 1 }],
  ]);
  /** Why it refuses to be scaled, or to be reloaded. */
  refusal: string | undefined;
  /** Resolves what `reload` waits for. */
  reloading: Promise<string> = Promise.resolve("generation 2 serves");
  fleet: FleetSnapshot;
  private readonly madeAt = Date.now();

  constructor(changes: Partial<Settings> = {}) {
    this.fleet = {
      pid: 100,
      state: "running",
      startedAt: Date.now() - 192_000,
      generation: 1,
      targets: { "http-worker": 2, "dirty-arbiter": 1, "dirty-worker": 1 },
      children: [
        child("http-worker", 1),
        child("http-worker", 2, { state: "starting" }),
        child("dirty-arbiter", 3),
        child("dirty-worker", 4, { apps: ["chat:Chat"] }),
      ],
      listeners: [
        { serves: "http", url: "http://127.0.0.1:8000" },
        { serves: "control", url: "unix:/tmp/c.sock" },
      ],
      settings: { ...settings, name: "shop", ...changes },
      sources,
      restarts: [{ kind: "dirty-worker", reason: "hung run", count: 2 }],
    };
  }

  /** However late it is asked for: nothing in it grows older meanwhile. */
  snapshot(): FleetSnapshot {
    const late = Date.now() - this.madeAt;
    const { startedAt, children } = this.fleet;
    return {
      ...this.fleet,
      startedAt: startedAt + late,
      children: children.map((one) => ({
        ...one,
        startedAt: one.startedAt + late,
        heardAt: one.heardAt + late,
      })),
    };
  }

  scale(kind: Kind, by: number, app?: string): number {
    if (this.refusal !== undefined) throw new Error(this.refusal);
    this.done.push(["scale", kind, by, ...(app === undefined ? [] : [app])]);
    return this.fleet.targets[kind] + by;
  }

  kill(kind: Kind, pid: number): void {
    this.done.push(["kill", kind, pid]);
  }

  async reload(): Promise<string> {
    this.done.push("reload");
    if (this.refusal !== undefined) throw new Error(this.refusal);
    return this.reloading;
  }

  reopenLogs(): void {
    this.done.push("reopen");
  }

  stop(graceful: boolean): void {
    this.done.push(["stop", graceful]);
  }

  async report(pid: number): Promise<unknown> {
    return this.reports.get(pid);
  }
}

function child(kind: Kind, id: number, more: Partial<ChildSnapshot> = {}): ChildSnapshot {
  const now = Date.now();
  return {
    kind,
    id,
    pid: 100 + id,
    state: "ready",
    startedAt: now - 60_000,
    heardAt: now - 500,
    generation: 1,
    apps: [],
    ...more,
  };
}
