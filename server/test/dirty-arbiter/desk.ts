/** A placement with a clock of the test's own, and all that it decided. */
import type { PlaceRequest } from "../../src/dirty-arbiter/place-request.ts";
import { Placement } from "../../src/dirty-arbiter/placement.ts";
import type { DirtyError } from "../../src/protocol/errors.ts";
import type { Placed, Ready } from "../../src/protocol/messages.ts";

/** A request that got a slot. */
export interface Granted {
  readonly id: number;
  readonly placed: Placed;
}

/** How a desk is set up. */
export interface DeskOptions {
  readonly apps?: string[];
  readonly epoch?: number;
  readonly queueSize?: number;
  readonly queueTimeoutMs?: number;
  readonly abortGraceMs?: number;
  readonly holding?: boolean;
}

/** The HTTP worker that a test's requests come from unless it says otherwise. */
export const SOMEBODY = { name: "http worker" };

/** Placement under test. */
export class Desk {
  now = 1_000_000;
  readonly granted: Granted[] = [];
  readonly rejected: { id: number; error: DirtyError }[] = [];
  readonly queued: { id: number; position: number }[] = [];
  readonly revoked: { worker: number; slot: number; cancel: boolean }[] = [];
  readonly killed: number[] = [];
  readonly placement: Placement;
  private lastId = 0;

  constructor({
    apps = ["a", "b"],
    epoch = 7,
    queueSize = 100,
    queueTimeoutMs = 30_000,
    abortGraceMs = 2000,
    holding = false,
  }: DeskOptions = {}) {
    this.placement = new Placement(
      { epoch, apps, queueSize, queueTimeoutMs, abortGraceMs, now: () => this.now },
      {
        granted: ({ id }, placed) => this.granted.push({ id, placed }),
        rejected: ({ id }, error) => this.rejected.push({ id, error }),
        queued: ({ id }, position) => this.queued.push({ id, position }),
        revoke: (worker, slot, cancel) => this.revoked.push({ worker, slot, cancel }),
        kill: (worker) => this.killed.push(worker),
        appsChanged: () => {},
      },
      holding,
    );
  }

  /** A request asks for a slot. @returns its id. */
  place(app = "a", request: Partial<PlaceRequest> = {}): number {
    const id = ++this.lastId;
    this.placement.place({
      owner: SOMEBODY,
      id,
      app,
      action: "run",
      timeout: 300_000,
      arrival: this.now,
      ...request,
    });
    return id;
  }

  /** A worker registers with the concurrency of each of its apps. */
  ready(worker: number, apps: Record<string, number> = { a: 1 }, running: Ready["running"] = []): void {
    this.placement.workerReady(worker, {
      socket: socketOf(worker),
      apps: Object.entries(apps).map(([app, concurrency]) => ({ app, concurrency, continues: [] })),
      running,
    });
  }

  /** Time passes in steps, as the real clock ticks; the workers named live, and say so. */
  wait(ms: number, ...alive: number[]): void {
    const until = this.now + ms;
    while (this.now < until) {
      this.now = Math.min(until, this.now + 100);
      for (const worker of alive) this.placement.heartbeat(worker, []);
      this.placement.tick();
    }
  }

  /** The worker that each granted request was given, in the order of the grants. */
  get workers(): number[] {
    return this.granted.map(({ placed }) => placed.worker);
  }

  /** The requests in the order of their grants. */
  get order(): number[] {
    return this.granted.map(({ id }) => id);
  }

  /** The slot that a request was given. @throws when it has none. */
  slot(id: number): number {
    const found = this.granted.find((grant) => grant.id === id);
    if (found === undefined) throw new Error(`request ${id} has no slot`);
    return found.placed.slot;
  }
}

/** Where a worker listens. */
export function socketOf(worker: number): string {
  return `/socket/of/${worker}`;
}
