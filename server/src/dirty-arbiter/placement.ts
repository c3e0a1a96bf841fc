import {
  DirtyAppNotFoundError,
  DirtyDrainingError,
  type DirtyError,
  DirtyNoWorkersAvailableError,
  DirtyQueueFullError,
  DirtyQueueTimeoutError,
  DirtyTimeoutError,
} from "../protocol/errors.ts";
import type { AppState, Placed, Ready } from "../protocol/messages.ts";
import { slotId } from "../protocol/slot.ts";
import { AppQueue } from "./app-queue.ts";
import { DrainRate, MAX_RETRY_AFTER } from "./drain-rate.ts";
import { PlaceNotices } from "./place-notices.ts";
import type { PlaceRequest } from "./place-request.ts";
import { type Lease, WorkerView } from "./worker-view.ts";

/** A slot that was not used for so long is taken back. */
const UNUSED_MS = 2000;
/** A worker that was silent for so long gets no new slots. */
const SILENT_MS = 1000;
// The worker counts its run's time from the RUN, this side from hearing of it; no worker dies for the difference.
const KILL_MARGIN_MS = 500;

/** What placement decides, told to the owner of the sockets. */
export interface PlacementEvents {
  granted(request: PlaceRequest, placed: Placed): void;
  rejected(request: PlaceRequest, error: DirtyError): void;
  /** It waits, with `position` requests before it. Said once, and where it wants `notices` again after changes. */
  queued(request: PlaceRequest, position: number): void;
  revoke(worker: number, slot: number, cancel: boolean): void;
  /** A run is over its time and its worker did not end it. */
  kill(worker: number, reason: string): void;
  /** The number of ready workers of some app has changed. */
  appsChanged(): void;
}

/** Limits of placement. */
export interface PlacementOptions {
  epoch: number;
  /** Canonical names of the configured apps. */
  apps: string[];
  queueSize: number;
  queueTimeoutMs: number;
  abortGraceMs: number;
  /** The machine's clock in ms. */
  now: () => number;
}

/** An app that requests are placed for. */
export interface App {
  readonly name: string;
  readonly queue: AppQueue<PlaceRequest>;
  readonly rate: DrainRate;
  readonly notices: PlaceNotices;
}

/** What a report is made from. */
export interface Inspection {
  /** ms of the machine's clock. */
  readonly now: number;
  readonly apps: readonly App[];
  readonly workers: readonly WorkerView[];
  isSilent(worker: WorkerView): boolean;
}

/**
 * Decides which request runs in which worker: the least loaded one with a free place, else the app's queue.
 * It holds the leases; only a worker's FREE, or its death, ends one. No I/O and no timers: it is told what
 * happens and when to look at the clock.
 */
export class Placement {
  /** Workers that may stand at a breakpoint for as long as their users like. */
  debugged: ReadonlySet<number> = new Set();
  private readonly options: PlacementOptions;
  private readonly events: PlacementEvents;
  private readonly apps: Map<string, App>;
  private readonly workers = new Map<number, WorkerView>();
  private readonly byOwner = new Map<object, Map<number, Lease>>();
  private counter = 0;
  private holding: boolean;
  private isFailing: (app: string) => boolean = () => false;

  /** @param holding whether grants wait for `release()`, so that requests of all clients are ordered first. */
  constructor(options: PlacementOptions, events: PlacementEvents, holding = false) {
    this.options = { ...options };
    this.events = events;
    this.holding = holding;
    this.apps = new Map(options.apps.map((name) => [name, newApp(name)]));
  }

  /** Whether anything is leased or waits: without either, no clock needs to tick. */
  get idle(): boolean {
    for (const app of this.apps.values()) if (app.queue.size > 0) return false;
    for (const worker of this.workers.values()) if (worker.leases.size > 0) return false;
    return true;
  }

  /** The apps and how many workers are ready for each. */
  states(): AppState[] {
    return [...this.apps.keys()].map((app) => ({ app, workers: this.readyWorkers(app) }));
  }

  /**
   * Other apps can be placed from now on, or other limits hold. Requests that wait for an app which is not there any
   * more are rejected; its runs go on.
   */
  configure({ apps, ...limits }: Omit<PlacementOptions, "epoch" | "now">): void {
    Object.assign(this.options, limits);
    for (const [name, app] of this.apps) {
      if (apps.includes(name)) continue;
      this.apps.delete(name);
      for (let request = app.queue.take(); request !== undefined; request = app.queue.take())
        this.events.rejected(request, notFound(name));
    }
    for (const name of apps) if (!this.apps.has(name)) this.apps.set(name, newApp(name));
    this.events.appsChanged();
    this.dispatchAll();
  }

  /** All that there is, for a report: to be read, not to be changed. */
  inspect(): Inspection {
    const now = this.options.now();
    return {
      now,
      apps: [...this.apps.values()],
      workers: [...this.workers.values()],
      isSilent: (worker) => this.isSilent(worker, now),
    };
  }

  /** Begins to grant, in the order of arrival. */
  release(): void {
    if (!this.holding) return;
    this.holding = false;
    this.dispatchAll();
  }

  /**
   * Says that the workers of some apps fail to start: requests for those that no worker runs are refused at once.
   * What was said before is void, so with none they do not fail any more.
   * @param apps canonical names; undefined: every app.
   */
  setFailing(apps: readonly string[] | undefined): void {
    const failing = apps && new Set(apps);
    this.isFailing = (app) => failing?.has(app) ?? true;
    for (const app of this.apps.values()) {
      if (!this.isFailing(app.name) || this.readyWorkers(app.name) > 0) continue;
      for (let request = app.queue.take(); request !== undefined; request = app.queue.take()) {
        this.events.rejected(request, this.noWorkers(app.name));
      }
    }
  }

  /** A request asks for a slot. */
  place(request: PlaceRequest): void {
    const app = this.apps.get(request.app);
    if (app === undefined) {
      this.events.rejected(request, notFound(request.app));
      return;
    }
    if (this.isFailing(app.name) && this.readyWorkers(app.name) === 0) {
      this.events.rejected(request, this.noWorkers(app.name));
      return;
    }
    // Told at once, and not after a wait for a worker that would say the same.
    if (this.lacks(app.name, request.action)) {
      const why = `The dirty app ${app.name} has no action "${request.action}".`;
      this.events.rejected(request, new DirtyAppNotFoundError(why));
      return;
    }
    if (app.queue.size === 0 && this.grant(app, request)) return;
    // Those who were let in before are not turned away for those who came later.
    const known = request.until !== undefined || request.again === true;
    if (app.queue.size >= this.options.queueSize && !known) {
      const error = new DirtyQueueFullError(`${app.queue.size} requests wait for ${app.name} already.`, {
        details: { retry_after: app.rate.retryAfter(app.queue.size, this.options.now()) },
      });
      this.events.rejected(request, error);
      return;
    }
    const position = app.queue.add(request);
    app.notices.told(request, position, this.options.now());
    this.events.queued(request, position);
  }

  /** A client does not want a request any more, or not the slot that it was granted. */
  cancel(owner: object, id: number): void {
    const lease = this.byOwner.get(owner)?.get(id);
    if (lease !== undefined) {
      if (!lease.started) this.revoke(lease, false);
      return;
    }
    for (const app of this.apps.values()) {
      const request = app.queue.all().find((one) => one.owner === owner && one.id === id);
      if (request !== undefined) app.queue.remove(request);
    }
  }

  /** Takes a slot back, with `cancel` also from a run that has begun. */
  revokeSlot(worker: number, slot: number, cancel: boolean): void {
    const lease = this.workers.get(worker)?.leases.get(slot);
    if (lease !== undefined && (cancel || !lease.started)) this.revoke(lease, cancel);
  }

  /** A client is gone: what it waited for is dropped, what runs for it is cancelled. */
  ownerGone(owner: object): void {
    for (const app of this.apps.values()) {
      for (const request of app.queue.all()) if (request.owner === owner) app.queue.remove(request);
    }
    for (const lease of this.byOwner.get(owner)?.values() ?? []) this.revoke(lease, true);
    this.byOwner.delete(owner);
  }

  /** A worker says what it runs: for the first time, again after a lost connection, or to a new dirty arbiter. */
  workerReady(id: number, ready: Ready): void {
    const now = this.options.now();
    const worker = this.workers.get(id) ?? new WorkerView(id);
    this.workers.set(id, worker);
    worker.update(ready);
    worker.connected = true;
    worker.heardAt = now;
    const running = new Set(ready.running.map((run) => run.slot));
    // A run that had begun and is not there any more ended while its FREE could not be sent.
    for (const lease of [...worker.leases.values()]) {
      if (lease.started && !running.has(lease.slot)) this.end(lease);
      // The worker is told now of a slot that was taken back meanwhile: else the slot is never freed.
      else if (lease.revoked !== undefined) this.revoke(lease, lease.revoked.cancel);
    }
    for (const { slot, app, ms_left } of ready.running) {
      const known = worker.leases.get(slot);
      if (known !== undefined) {
        known.started = true;
        known.deadline = now + ms_left;
        continue;
      }
      worker.add({
        slot,
        worker,
        app,
        owner: undefined,
        requestId: 0,
        grantedAt: now,
        deadline: now + ms_left,
        timeout: ms_left,
        started: true,
        revoked: undefined,
      });
    }
    this.events.appsChanged();
    this.dispatchAll();
  }

  /** A worker's heartbeat, with the slots whose runs began since the last. */
  heartbeat(id: number, started: number[]): void {
    const worker = this.workers.get(id);
    if (worker === undefined) return;
    const now = this.options.now();
    const silent = this.isSilent(worker, now);
    worker.heardAt = now;
    for (const slot of started) {
      const lease = worker.leases.get(slot);
      if (lease === undefined) continue;
      lease.started = true;
      lease.deadline = now + lease.timeout;
    }
    if (silent) this.dispatchAll();
  }

  /** A worker gives a slot back. */
  free(id: number, slot: number): void {
    const lease = this.workers.get(id)?.leases.get(slot);
    if (lease === undefined) return;
    this.end(lease);
    const app = this.apps.get(lease.app);
    if (app !== undefined) this.dispatch(app);
  }

  /** A worker's connection is gone. Its runs may go on, so its leases stay. */
  workerDisconnected(id: number): void {
    const worker = this.workers.get(id);
    if (worker === undefined || !worker.connected) return;
    worker.connected = false;
    this.events.appsChanged();
  }

  /** A worker is dead. */
  workerGone(id: number): void {
    const worker = this.workers.get(id);
    if (worker === undefined) return;
    for (const lease of [...worker.leases.values()]) this.end(lease);
    this.workers.delete(id);
    this.events.appsChanged();
  }

  /** Looks at the clock: waits that are over, slots that are unused, runs that should have ended. */
  tick(): void {
    const now = this.options.now();
    for (const app of this.apps.values()) {
      this.dispatch(app);
      this.expire(app, now);
      app.notices.tell(app.queue, now, (request, position) => this.events.queued(request, position));
    }
    for (const worker of this.workers.values()) {
      for (const lease of worker.leases.values()) {
        if (!lease.started && lease.revoked === undefined && now - lease.grantedAt > UNUSED_MS)
          this.revoke(lease, false);
        if (this.debugged.has(worker.id)) continue;
        if (!worker.condemned && now > lease.deadline + this.options.abortGraceMs + KILL_MARGIN_MS) {
          worker.condemned = true;
          this.events.appsChanged();
          this.events.kill(worker.id, `a run of ${lease.app} did not end within its time`);
          break;
        }
      }
    }
  }

  /** Ends every wait: the dirty arbiter stops. */
  close(): void {
    for (const app of this.apps.values()) {
      for (let request = app.queue.take(); request !== undefined; request = app.queue.take()) {
        this.events.rejected(
          request,
          new DirtyDrainingError("The server is stopping.", { details: { retry_after: 1 } }),
        );
      }
    }
  }

  private dispatchAll(): void {
    for (const app of this.apps.values()) this.dispatch(app);
  }

  private dispatch(app: App): void {
    while (app.queue.size > 0) {
      const worker = this.choose(app.name);
      if (worker === undefined) return;
      const request = app.queue.take();
      if (request !== undefined) this.lease(app, worker, request);
    }
  }

  private grant(app: App, request: PlaceRequest): boolean {
    const worker = this.choose(app.name);
    if (worker === undefined) return false;
    this.lease(app, worker, request);
    return true;
  }

  private choose(app: string): WorkerView | undefined {
    if (this.holding) return undefined;
    const now = this.options.now();
    let best: WorkerView | undefined;
    for (const worker of this.workers.values()) {
      if (!worker.runs(app) || !worker.hasRoom(app) || this.isSilent(worker, now)) continue;
      if (
        best === undefined ||
        worker.load < best.load ||
        (worker.load === best.load && worker.grantedAt < best.grantedAt)
      ) {
        best = worker;
      }
    }
    return best;
  }

  private lease(app: App, worker: WorkerView, request: PlaceRequest): void {
    const now = this.options.now();
    const lease: Lease = {
      slot: slotId(this.options.epoch, ++this.counter),
      worker,
      app: app.name,
      owner: request.owner,
      requestId: request.id,
      grantedAt: now,
      deadline: now + request.timeout,
      timeout: request.timeout,
      started: false,
      revoked: undefined,
    };
    worker.add(lease);
    worker.grantedAt = now;
    app.rate.granted(now);
    let leases = this.byOwner.get(request.owner);
    if (leases === undefined) {
      leases = new Map();
      this.byOwner.set(request.owner, leases);
    }
    leases.set(request.id, lease);
    this.events.granted(request, {
      slot: lease.slot,
      worker: worker.id,
      socket: worker.socket,
      continues: worker.continues(app.name, request.action),
    });
  }

  private end(lease: Lease): void {
    lease.worker.remove(lease);
    if (lease.owner !== undefined) this.byOwner.get(lease.owner)?.delete(lease.requestId);
  }

  private revoke(lease: Lease, cancel: boolean): void {
    lease.revoked = { cancel };
    this.events.revoke(lease.worker.id, lease.slot, cancel);
  }

  private expire(app: App, now: number): void {
    const limit = this.options.queueTimeoutMs;
    for (const request of app.queue.all()) {
      if (now < (request.until ?? request.arrival + limit)) continue;
      const details = { retry_after: app.rate.retryAfter(app.queue.size, now) };
      app.queue.remove(request);
      this.events.rejected(
        request,
        request.until === undefined
          ? new DirtyQueueTimeoutError(`${app.name} had no free slot for ${limit / 1000} s.`, { details })
          : ranOutOfTime(request),
      );
    }
  }

  private readyWorkers(app: string): number {
    let count = 0;
    for (const worker of this.workers.values()) if (worker.runs(app)) count++;
    return count;
  }

  // Whether all of the app's workers are known not to have the action; false where none is ready.
  private lacks(app: string, action: string): boolean {
    let isLacking = false;
    for (const worker of this.workers.values()) {
      if (!worker.runs(app)) continue;
      if (!worker.lacks(app, action)) return false;
      isLacking = true;
    }
    return isLacking;
  }

  private isSilent(worker: WorkerView, now: number): boolean {
    return now - worker.heardAt > SILENT_MS;
  }

  private noWorkers(app: string): DirtyError {
    return new DirtyNoWorkersAvailableError(
      `No dirty worker runs ${app}: its workers fail to start. See the log.`,
      {
        details: { app_path: app, retry_after: MAX_RETRY_AFTER },
      },
    );
  }
}

function newApp(name: string): App {
  return { name, queue: new AppQueue<PlaceRequest>(), rate: new DrainRate(), notices: new PlaceNotices() };
}

// Its time is its run's, not the queue's: the same error as where its worker, or its client, sees that first.
function ranOutOfTime({ app, action }: PlaceRequest): DirtyError {
  return new DirtyTimeoutError(`${app} ${action} took longer than it may: it waited to be continued.`);
}

function notFound(app: string): DirtyError {
  return new DirtyAppNotFoundError(`No dirty app ${app} is configured.`, { details: { app_path: app } });
}
