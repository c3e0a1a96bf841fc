import type { Place, RunPayload } from "../protocol/messages.ts";
import type { Found } from "../protocol/stream-messages.ts";

/** What a run is to be, without what it is called with: that may be large, and is kept elsewhere or nowhere. */
export type Wanted = Omit<Place, "run">;

/** A client's question that waits for its answer, or was granted a slot that is not known to be used. */
export interface Asker {
  /** The client's connection. */
  readonly peer: object;
  /** The question's id on it. */
  readonly id: number;
  /** What it wants the run to be, where it can make the run itself; undefined: it only asks where the stream is. */
  readonly place: Wanted | undefined;
  /** When its wait is over, ms of the machine's clock. */
  readonly expires: number;
  /** Whether it is told again when the place of what it waits for has changed. */
  readonly notices: boolean;
}

/** A resumable stream as the dirty arbiter knows it. */
export interface StreamEntry {
  readonly stream: string;
  /**
   * `waiting` for a slot; `placed` with a worker, running or kept there; `lost` with its worker a moment ago, so that
   * a reader may have it continued; `gone`; or `cancelled` by its name after its worker was lost, which is remembered
   * for readers that would have it continued.
   */
  state: "waiting" | "placed" | "lost" | "gone" | "cancelled";
  /** Since when it is in its state, or no client wants it, ms of the machine's clock. */
  since: number;
  /** Its request's id in placement, while it waits or its slot is not known to be used. */
  request: number;
  /** How many requests stand before it, as last heard; undefined: it was not queued yet. Only while it waits. */
  position: number | undefined;
  /** Who makes the run when there is a slot; undefined: the dirty arbiter itself, its client has gone. */
  primary: Asker | undefined;
  /** Who else waits. */
  askers: Asker[];
  /** What the run is. */
  place: Wanted | undefined;
  /** What it is called with, for the dirty arbiter to make it itself; only until a worker has it. */
  payload: RunPayload | undefined;
  payloadBytes: number;
  /** How often a slot was refused to a run that the dirty arbiter made itself. */
  refusals: number;
  worker: number;
  socket: string;
  slot: number;
  /** Whether the worker said that it has it. */
  confirmed: boolean;
}

/** Until when a run that is continued waits for a slot, which is as long as it may still take; else undefined. */
export function waitsUntil({ since, timeout }: Wanted, now: number): number | undefined {
  return since === undefined ? undefined : now + timeout;
}

/** A stream that was not placed yet. */
export function newEntry(stream: string, since: number): StreamEntry {
  return {
    stream,
    state: "lost",
    since,
    request: 0,
    position: undefined,
    primary: undefined,
    askers: [],
    place: undefined,
    payload: undefined,
    payloadBytes: 0,
    refusals: 0,
    worker: 0,
    socket: "",
    slot: 0,
    confirmed: false,
  };
}

/** Where a stream is that is with a worker. */
export function foundIn({ worker, socket, slot }: StreamEntry): Found {
  return { worker, socket, slot };
}
