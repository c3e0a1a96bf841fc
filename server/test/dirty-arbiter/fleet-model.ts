/**
 * A fleet around a placement, for property tests: clients that ask, use, cancel and leave, and workers that
 * keep the rules of slots, lose their connection and die, in whatever order a test chooses. It keeps its own
 * books, and checks after each step that placement did what it promises.
 */
import { expect } from "vitest";
import type { PlaceRequest } from "../../src/dirty-arbiter/place-request.ts";
import { Placement } from "../../src/dirty-arbiter/placement.ts";
import type { Ready } from "../../src/protocol/messages.ts";

const CONCURRENCY: Record<string, number> = { a: 2, b: 1 };
const QUEUE_SIZE = 4;
const QUEUE_TIMEOUT_MS = 5000;
const SILENT_MS = 1000;

interface Asked {
  readonly request: PlaceRequest;
  answer: "none" | "granted" | "rejected" | "cancelled";
}

interface Slot {
  readonly slot: number;
  readonly asked: Asked;
  used: boolean;
  /** The worker has told that its run began. */
  told: boolean;
}

/** A worker as it really is, whatever placement thinks of it. */
class Worker {
  connected = false;
  heardAt = 0;
  /** Slots that were granted and whose place is not free yet. */
  readonly leased = new Map<number, Slot>();
  readonly running = new Set<number>();
  readonly refused = new Set<number>();
  /** What it was told and has not handled yet. */
  readonly inbox: { slot: number; cancel: boolean }[] = [];
  began: number[] = [];
}

/** The fleet. Each public method is something that can happen. */
export class FleetModel {
  now = 1_000_000;
  private readonly workers = new Map<number, Worker>();
  private readonly clients = [{ name: "first" }, { name: "second" }, { name: "third" }];
  private readonly asked: Asked[] = [];
  private readonly placement: Placement;
  private lastId = 0;
  private lastWorker = 0;

  constructor() {
    this.placement = new Placement(
      {
        epoch: 3,
        apps: ["a", "b"],
        queueSize: QUEUE_SIZE,
        queueTimeoutMs: QUEUE_TIMEOUT_MS,
        abortGraceMs: 1000,
        now: () => this.now,
      },
      {
        granted: (request, { worker, slot }) => {
          const asked = this.answered(request, "granted");
          const others = this.waiting(request.app);
          // The request that has waited longest is first.
          for (const other of others) expect(other.request.arrival).toBeGreaterThanOrEqual(request.arrival);
          const given = this.worker(worker);
          expect(given.connected).toBe(true);
          expect(this.now - given.heardAt).toBeLessThanOrEqual(SILENT_MS);
          given.leased.set(slot, { slot, asked, used: false, told: false });
          expect(this.load(given, request.app)).toBeLessThanOrEqual(CONCURRENCY[request.app] ?? 0);
        },
        rejected: (request) => {
          this.answered(request, "rejected");
        },
        queued: (request, position) => {
          const before = this.waiting(request.app).filter(
            (other) =>
              other.request !== request &&
              (other.request.arrival < request.arrival ||
                (other.request.arrival === request.arrival && other.request.id < request.id)),
          );
          expect(position).toBe(before.length);
        },
        revoke: (worker, slot, cancel) => {
          const told = this.workers.get(worker);
          // What is sent to a worker whose connection is gone is lost.
          if (told?.connected) told.inbox.push({ slot, cancel });
        },
        kill: (worker) => {
          throw new Error(`worker ${worker} did nothing wrong and was killed`);
        },
        appsChanged: () => {},
      },
    );
  }

  /** A client asks, or asks again for what arrived a while ago. */
  place(client: number, app: string, ago: number): void {
    const owner = this.client(client);
    const request: PlaceRequest = {
      owner,
      id: ++this.lastId,
      app,
      action: "run",
      // No run's time is over before the model's end, so no worker has to be killed.
      timeout: 100_000_000,
      arrival: this.now - ago,
    };
    this.asked.push({ request, answer: "none" });
    this.placement.place(request);
  }

  /** A client does not want a request any more; it knows of no slot. */
  cancel(which: number): void {
    const asked = pick(
      this.asked.filter(({ answer }) => answer === "none" || answer === "granted"),
      which,
    );
    if (asked === undefined) return;
    const { owner, id } = asked.request;
    if (asked.answer === "none") asked.answer = "cancelled";
    this.placement.cancel(owner, id);
  }

  /** A client and its connections are gone. */
  clientGone(which: number): void {
    const owner = this.client(which);
    for (const asked of this.asked) {
      if (asked.request.owner === owner && asked.answer === "none") asked.answer = "cancelled";
    }
    this.placement.ownerGone(owner);
    this.clients[which % this.clients.length] = { name: `after ${this.lastId}` };
  }

  /** A client's RUN arrives at the worker of a slot. */
  use(which: number): void {
    const found = pick(
      this.slots((slot) => !slot.used),
      which,
    );
    if (found === undefined) return;
    const { worker, id, slot } = found;
    slot.used = true;
    if (worker.refused.has(slot.slot)) {
      this.free(id, worker, slot.slot);
      return;
    }
    worker.running.add(slot.slot);
    worker.began.push(slot.slot);
  }

  /** A run ends. */
  finish(which: number): void {
    const found = pick(
      this.slots((slot, worker) => worker.running.has(slot.slot)),
      which,
    );
    if (found === undefined) return;
    found.worker.running.delete(found.slot.slot);
    this.free(found.id, found.worker, found.slot.slot);
  }

  /** A worker handles what it was told. */
  deliver(which: number): void {
    const found = pick([...this.workers], which);
    if (found === undefined) return;
    const [id, worker] = found;
    for (const { slot, cancel } of worker.inbox.splice(0)) {
      if (!worker.running.has(slot)) {
        worker.refused.add(slot);
        this.free(id, worker, slot);
      } else if (cancel) {
        worker.running.delete(slot);
        this.free(id, worker, slot);
      }
    }
  }

  heartbeat(which: number): void {
    const found = pick(
      [...this.workers].filter(([, worker]) => worker.connected),
      which,
    );
    if (found === undefined) return;
    const [id, worker] = found;
    worker.heardAt = this.now;
    const began = worker.began.splice(0);
    for (const slot of began) tell(worker, slot);
    this.placement.heartbeat(id, began);
  }

  /** A worker starts, or one that lost its connection is back. */
  workerReady(which: number): void {
    const lost = pick(
      [...this.workers].filter(([, worker]) => !worker.connected),
      which,
    );
    const id = lost?.[0] ?? ++this.lastWorker;
    const worker = lost?.[1] ?? new Worker();
    if (this.workers.size >= 3 && lost === undefined) return;
    this.workers.set(id, worker);
    worker.connected = true;
    worker.heardAt = this.now;
    worker.began.length = 0;
    // It says what runs. A run that had begun and is not among it has ended while the worker had no connection.
    for (const slot of [...worker.leased.values()]) {
      if (worker.running.has(slot.slot)) slot.told = true;
      else if (slot.told) worker.leased.delete(slot.slot);
    }
    const ready: Ready = {
      socket: `/w${id}`,
      apps: Object.entries(CONCURRENCY).map(([app, concurrency]) => ({ app, concurrency, continues: [] })),
      running: [...worker.leased.values()]
        .filter(({ slot }) => worker.running.has(slot))
        .map(({ slot, asked }) => ({ slot, app: asked.request.app, ms_left: 100_000_000 })),
    };
    this.placement.workerReady(id, ready);
  }

  workerDisconnected(which: number): void {
    const found = pick(
      [...this.workers].filter(([, worker]) => worker.connected),
      which,
    );
    if (found === undefined) return;
    const [id, worker] = found;
    worker.connected = false;
    worker.inbox.length = 0;
    this.placement.workerDisconnected(id);
  }

  workerGone(which: number): void {
    const found = pick([...this.workers], which);
    if (found === undefined) return;
    this.workers.delete(found[0]);
    this.placement.workerGone(found[0]);
  }

  /** Time passes. */
  wait(ms: number): void {
    this.now += ms;
    this.placement.tick();
  }

  /** What must hold between any two events. */
  check(): void {
    for (const app of Object.keys(CONCURRENCY)) {
      const waiting = this.waiting(app);
      expect(waiting.length).toBeLessThanOrEqual(QUEUE_SIZE);
      if (waiting.length === 0) continue;
      const free = [...this.workers].filter(
        ([, worker]) =>
          worker.connected &&
          this.now - worker.heardAt <= SILENT_MS &&
          this.load(worker, app) < (CONCURRENCY[app] ?? 0),
      );
      expect(
        free.map(([id]) => id),
        `${waiting.length} wait for ${app} while a worker has room`,
      ).toEqual([]);
    }
  }

  /** Everything comes to its end: then every request has its answer, and every place is free again. */
  settle(): void {
    for (let round = 0; round < 100 && this.busy(); round++) {
      for (let which = 0; which < 3; which++) {
        if ([...this.workers.values()].some(({ connected }) => !connected)) this.workerReady(0);
        this.heartbeat(which);
        this.deliver(which);
      }
      for (let count = 0; count < 12; count++) this.finish(0);
      this.wait(500);
      this.check();
    }
    expect(this.asked.filter(({ answer }) => answer === "none")).toEqual([]);
    expect(this.placement.idle, "a lease is left that no worker will ever free").toBe(true);
  }

  private busy(): boolean {
    return !this.placement.idle || this.asked.some(({ answer }) => answer === "none");
  }

  private answered(request: PlaceRequest, answer: "granted" | "rejected"): Asked {
    const asked = this.asked.find((one) => one.request === request);
    if (asked === undefined) throw new Error("an answer for a request that was never made");
    expect(asked.answer, `the second answer to request ${request.id}`).toBe("none");
    asked.answer = answer;
    return asked;
  }

  private waiting(app: string): Asked[] {
    return this.asked.filter(({ answer, request }) => answer === "none" && request.app === app);
  }

  private free(id: number, worker: Worker, slot: number): void {
    // Without a connection the dirty arbiter does not hear it; the next READY tells.
    if (!worker.connected) return;
    worker.leased.delete(slot);
    this.placement.free(id, slot);
  }

  private load(worker: Worker, app: string): number {
    return [...worker.leased.values()].filter(({ asked }) => asked.request.app === app).length;
  }

  private slots(
    filter: (slot: Slot, worker: Worker) => boolean,
  ): { id: number; worker: Worker; slot: Slot }[] {
    return [...this.workers].flatMap(([id, worker]) =>
      [...worker.leased.values()]
        .filter((slot) => filter(slot, worker))
        .map((slot) => ({ id, worker, slot })),
    );
  }

  private worker(id: number): Worker {
    const worker = this.workers.get(id);
    if (worker === undefined) throw new Error(`worker ${id} is dead and was given a slot`);
    return worker;
  }

  private client(which: number): { name: string } {
    return this.clients[which % this.clients.length] ?? { name: "no client" };
  }
}

function tell(worker: Worker, slot: number): void {
  const leased = worker.leased.get(slot);
  if (leased !== undefined) leased.told = true;
}

function pick<T>(items: T[], which: number): T | undefined {
  return items[which % Math.max(1, items.length)];
}
