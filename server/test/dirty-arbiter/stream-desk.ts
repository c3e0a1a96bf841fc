/** A directory of streams with a clock of the test's own, and all that it decided. */
import type { PlaceRequest } from "../../src/dirty-arbiter/place-request.ts";
import { StreamDirectory, type StreamDirectoryOptions } from "../../src/dirty-arbiter/stream-directory.ts";
import type { KeptStream, Place, Placed } from "../../src/protocol/messages.ts";
import type { Find } from "../../src/protocol/stream-messages.ts";

/** A client. */
export interface Client {
  readonly name: string;
}

/** What a client was told. */
export type Told =
  | { placed: number }
  | { found: number }
  | { queued: true }
  | { error: string }
  | { ended: true };

/** The directory under test. */
export class StreamDesk {
  now = 1_000_000;
  readonly directory: StreamDirectory;
  /** Requests that wait for a slot. */
  readonly requests: PlaceRequest[] = [];
  readonly revoked: { worker: number; slot: number; cancel: boolean }[] = [];
  readonly adopted: { worker: number; slot: number; args: unknown[] }[] = [];
  /** The places that were told, in order. */
  readonly places: { id: number; position: number }[] = [];
  private readonly told = new Map<string, Told[]>();
  private lastId = 0;
  private lastSlot = 0;

  constructor(options: Partial<StreamDirectoryOptions> = {}, settling = false, workers: number[] = []) {
    this.directory = new StreamDirectory(
      { graceMs: 5000, queueTimeoutMs: 30_000, now: () => this.now, ...options },
      {
        place: (request) => this.requests.push(request),
        withdraw: (id) => {
          const at = this.requests.findIndex((request) => request.id === id);
          if (at !== -1) this.requests.splice(at, 1);
        },
        revoke: (worker, slot, cancel) => this.revoked.push({ worker, slot, cancel }),
        placed: ({ id }, { slot }) => this.tell(id, { placed: slot }),
        found: ({ id }, { slot }) => this.tell(id, { found: slot }),
        queued: ({ id }, position) => {
          this.places.push({ id, position });
          this.tell(id, { queued: true });
        },
        rejected: ({ id }, { code }) => this.tell(id, { error: code }),
        ended: ({ id }) => this.tell(id, { ended: true }),
        adopt: (worker, { slot, args }) => this.adopted.push({ worker, slot, args }),
      },
      settling,
      workers,
    );
  }

  place(client: Client, stream: string, place: Partial<Place> = {}, bytes = 100): number {
    const id = ++this.lastId;
    const run = { args: [client.name], request_id: "r" };
    const usual = { app: "a", action: "run", timeout: 10_000, arrival: this.now, stream, run };
    this.directory.place(client, id, { ...usual, ...place }, bytes);
    return id;
  }

  find(client: Client, stream: string, lost?: number, notices?: boolean): number {
    const id = ++this.lastId;
    const find: Find = { stream };
    if (lost !== undefined) find.lost = lost;
    if (notices !== undefined) find.notices = notices;
    this.directory.find(client, id, find);
    return id;
  }

  /** Placement says of the oldest request how many stand before it. */
  queued(position: number): void {
    const [request] = this.requests;
    if (request === undefined) throw new Error("nothing waits");
    this.directory.queued(request, position);
  }

  end(client: Client, stream: string): number {
    const id = ++this.lastId;
    this.directory.end(client, id, { stream });
    return id;
  }

  /** Gives the oldest request a slot of a worker. @returns the slot. */
  grant(worker: number): number {
    const request = this.requests.shift();
    if (request === undefined) throw new Error("nothing waits");
    const placed: Placed = { slot: ++this.lastSlot, worker, socket: `/w${worker}`, continues: true };
    this.directory.granted(request, placed);
    return placed.slot;
  }

  ready(worker: number, streams: KeptStream[]): void {
    this.directory.workerReady(worker, { socket: `/w${worker}`, apps: [], running: [], streams });
  }

  /** Time passes in steps, as the real clock ticks. */
  wait(ms: number): void {
    const until = this.now + ms;
    while (this.now < until) {
      this.now = Math.min(until, this.now + 100);
      this.directory.tick();
    }
  }

  /** What the asker of a question was told so far. */
  answers(id: number): Told[] {
    return this.told.get(String(id)) ?? [];
  }

  private tell(id: number, what: Told): void {
    this.told.set(String(id), [...this.answers(id), what]);
  }
}
