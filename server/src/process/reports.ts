/**
 * What a child answers when the arbiter asks it for a report, which `tsunicorn ctl` shows. Only the one who asks
 * waits for it; nothing is counted for a report that would not be known anyway.
 */
import { performance } from "node:perf_hooks";

/** What every process can say of itself. */
export interface ProcessReport {
  /** Memory of the process, bytes. */
  rss: number;
  /** The share of time, from 0 to 1, in which its event loop was busy since its last report. */
  loop: number;
}

/** An HTTP worker's report. */
export interface HttpWorkerReport extends ProcessReport {
  /** Requests that it has taken since it started. */
  requests: number;
  /** Requests that it is answering. */
  inProgress: number;
  /** Connections of clients, idle ones too. */
  connections: number;
}

/** A dirty worker's report. */
export interface DirtyWorkerReport extends ProcessReport {
  /** Runs that it has begun since it started. */
  runs: number;
  /** Runs whose code has not ended. */
  running: number;
}

/** An app, as the dirty arbiter sees it. */
export interface AppReport {
  /** Canonical name. */
  app: string;
  /** Workers that take requests for it. */
  workers: number;
  /** Leased places. */
  running: number;
  /** Places of all its workers. */
  places: number;
  /** Requests that wait for a place. */
  queued: number;
  /** Seconds that the oldest of them has waited; null when none does. */
  oldestWait: number | null;
  /** Seconds that a client which is turned away now is told to stay away. */
  retryAfter: number;
}

/** A dirty worker, as the dirty arbiter sees it. */
export interface WorkerReport {
  /** The worker's number. */
  worker: number;
  connected: boolean;
  /** Nothing was heard of it for longer than it takes to get new requests. */
  silent: boolean;
  /** Sum, over its leases, of each one's share of its app's concurrency. */
  load: number;
  leases: number;
}

/** A lease: one request that has a place in a dirty worker. */
export interface LeaseReport {
  slot: number;
  app: string;
  /** The worker's number. */
  worker: number;
  /** `placed` until the worker said that it runs, `ending` once it was taken back. */
  state: "placed" | "running" | "ending";
  /** Seconds since it got its place. */
  age: number;
  /** Seconds until it is over its time; negative when it is. */
  left: number;
}

/** The dirty arbiter's report. */
export interface DirtyArbiterReport extends ProcessReport {
  apps: AppReport[];
  workers: WorkerReport[];
  /** The oldest leases, the oldest first. */
  leases: LeaseReport[];
  /** How many leases are not in the list, which has a bound. */
  leasesLeftOut: number;
  /** Why dirty workers fail to start; null when they do not. */
  failing: string | null;
}

/** Measures this process. */
export class ProcessMeter {
  private last = performance.eventLoopUtilization();

  /** The process now, and its event loop since the last call. */
  read(): ProcessReport {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.last);
    this.last = now;
    return { rss: process.memoryUsage.rss(), loop: Number.isFinite(utilization) ? utilization : 0 };
  }
}
