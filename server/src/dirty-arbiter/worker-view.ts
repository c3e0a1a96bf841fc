import type { Ready, ReadyApp } from "../protocol/messages.ts";

/** One place in one worker, leased to one request. */
export interface Lease {
  readonly slot: number;
  readonly worker: WorkerView;
  readonly app: string;
  /** Who asked, and under which id; undefined for a run that an earlier dirty arbiter placed. */
  readonly owner: object | undefined;
  readonly requestId: number;
  readonly grantedAt: number;
  /** ms of the machine's clock at which the run is over its time. */
  deadline: number;
  readonly timeout: number;
  /** Whether the worker said that the run began. */
  started: boolean;
  /** Whether it was taken back, and then whether its run is to be cancelled. */
  revoked: { cancel: boolean } | undefined;
}

/** A dirty worker as the dirty arbiter sees it. */
export class WorkerView {
  readonly id: number;
  /** Path of the worker's socket. */
  socket = "";
  /** Its connection is there, and it said READY. */
  connected = false;
  /** It is about to be killed, so nothing new is given to it. */
  condemned = false;
  /** When it was last heard, ms of the machine's clock. */
  heardAt = 0;
  readonly leases = new Map<number, Lease>();
  private apps = new Map<string, ReadyApp>();
  private readonly used = new Map<string, number>();
  /** How full it is: the sum, over its leases, of each one's share of its app's concurrency. */
  load = 0;
  /** When it was last given a slot; among equally loaded workers the one that waited longest is taken. */
  grantedAt = 0;

  constructor(id: number) {
    this.id = id;
  }

  /** Takes over what the worker says that it runs. */
  update(ready: Ready): void {
    this.socket = ready.socket;
    this.apps = new Map(ready.apps.map((app) => [app.app, app]));
  }

  /** The apps that it takes requests for. */
  appNames(): Iterable<string> {
    return this.apps.keys();
  }

  /** Whether it takes requests for the app at all. */
  runs(app: string): boolean {
    return this.connected && !this.condemned && this.apps.has(app);
  }

  /** How many requests for the app it runs at once. */
  placesFor(app: string): number {
    return this.apps.get(app)?.concurrency ?? 0;
  }

  /** How many of those places are leased. */
  leasedFor(app: string): number {
    return this.used.get(app) ?? 0;
  }

  /** Whether it has a free place for the app. */
  hasRoom(app: string): boolean {
    return this.leasedFor(app) < this.placesFor(app);
  }

  /** Whether the app's action can go on from what was emitted. */
  continues(app: string, action: string): boolean {
    return this.apps.get(app)?.continues.includes(action) ?? false;
  }

  /** Whether the app is known not to have the action. */
  lacks(app: string, action: string): boolean {
    const actions = this.apps.get(app)?.actions;
    return actions !== undefined && !actions.includes(action);
  }

  /** Counts a lease in. */
  add(lease: Lease): void {
    this.leases.set(lease.slot, lease);
    this.count(lease.app, 1);
  }

  /** Counts a lease out. */
  remove(lease: Lease): void {
    if (this.leases.delete(lease.slot)) this.count(lease.app, -1);
  }

  private count(app: string, by: number): void {
    this.used.set(app, (this.used.get(app) ?? 0) + by);
    this.load = 0;
    for (const [name, used] of this.used) this.load += used / (this.apps.get(name)?.concurrency ?? 1);
  }
}
