import type { AppReport, DirtyArbiterReport, LeaseReport, WorkerReport } from "../process/reports.ts";
import type { App, Inspection } from "./placement.ts";
import type { Lease } from "./worker-view.ts";

/** A report is for people; a fleet may have a hundred times as many leases as anybody reads. */
const MAX_LEASES = 1000;

/** Makes the dirty arbiter's report of what placement has. */
export function reportPlacement(
  placement: Inspection,
  maxLeases: number = MAX_LEASES,
): Omit<DirtyArbiterReport, "rss" | "loop" | "failing"> {
  const { now, apps, workers } = placement;
  const leases = workers
    .flatMap((worker) => [...worker.leases.values()])
    .sort((a, b) => a.grantedAt - b.grantedAt);
  return {
    apps: apps.map((app) => reportApp(app, placement)),
    workers: workers.map(
      (worker): WorkerReport => ({
        worker: worker.id,
        connected: worker.connected,
        silent: placement.isSilent(worker),
        load: worker.load,
        leases: worker.leases.size,
      }),
    ),
    leases: leases.slice(0, maxLeases).map((lease) => reportLease(lease, now)),
    leasesLeftOut: Math.max(0, leases.length - maxLeases),
  };
}

function reportApp({ name, queue, rate }: App, { now, workers }: Inspection): AppReport {
  const [oldest] = queue.all();
  const running = workers.filter((worker) => worker.runs(name));
  return {
    app: name,
    workers: running.length,
    // Of all workers: what a worker that drains still runs is running too.
    running: workers.reduce((sum, worker) => sum + worker.leasedFor(name), 0),
    places: running.reduce((sum, worker) => sum + worker.placesFor(name), 0),
    queued: queue.size,
    oldestWait: oldest === undefined ? null : Math.max(0, now - oldest.arrival) / 1000,
    retryAfter: rate.retryAfter(queue.size, now),
  };
}

function reportLease(lease: Lease, now: number): LeaseReport {
  const { slot, app, worker, grantedAt, deadline, started, revoked } = lease;
  return {
    slot,
    app,
    worker: worker.id,
    state: revoked !== undefined ? "ending" : started ? "running" : "placed",
    age: (now - grantedAt) / 1000,
    left: (deadline - now) / 1000,
  };
}
