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

/** What a run is called with, for the dirty arbiter to make it itself. */
export interface Payload {
  readonly run: RunPayload;
  /** Bytes that it took on the wire. */
  readonly bytes: number;
}

/** A run that no worker is known to have yet. */
interface Unmade {
  /** What the run is to be. */
  readonly place: Wanted;
  /** Who makes the run when there is a slot; undefined: the dirty arbiter itself, its client has gone. */
  primary: Asker | undefined;
  /** Undefined where there was no room for it, or its client does not want the run any more. */
  readonly payload: Payload | undefined;
  /** How often a slot was refused to a run that the dirty arbiter made itself. */
  readonly refusals: number;
}

/** It waits for a slot. */
export interface Waiting extends Unmade {
  readonly name: "waiting";
  /** Its last slot, of a run that was lost; 0: it had none. */
  readonly slot: number;
  /** Its request's id in placement. */
  readonly request: number;
  /** How many requests stand before it, as last heard; undefined: it was not queued yet. */
  position: number | undefined;
  /** Who else waits. */
  askers: Asker[];
  /** When a reader was last known to want it, ms of the machine's clock. */
  wantedAt: number;
}

/** It has a slot, and its worker has not said that the run has come. */
export interface Granted extends Unmade, Found {
  readonly name: "granted";
}

/** Its worker said that it has it: it runs there, or is kept there after its end. */
export interface Kept extends Found {
  readonly name: "kept";
}

/** It lost its worker a moment ago: a reader may have it continued. */
export interface Lost {
  readonly name: "lost";
  readonly slot: number;
  /** Since when, ms of the machine's clock. */
  readonly since: number;
  /** Who waits for a reader that has it continued. */
  readonly askers: Asker[];
}

/** Nothing runs any more. That is remembered for a while, for readers that would have it continued. */
interface Over {
  /** The slot of its last run. */
  readonly slot: number;
  /** Since when, ms of the machine's clock. */
  readonly since: number;
}

/** It lost its worker, and no reader had it continued in time. */
export interface Gone extends Over {
  readonly name: "gone";
}

/** It was cancelled by its name after it had lost a worker. */
export interface Cancelled extends Over {
  readonly name: "cancelled";
}

/** Where a resumable stream is. */
export type StreamState = Waiting | Granted | Kept | Lost | Gone | Cancelled;

/** A resumable stream as the dirty arbiter knows it. Only {@link StreamIndex} changes its state. */
export interface StreamEntry {
  readonly stream: string;
  state: StreamState;
}

/** Until when a run that is continued waits for a slot, which is as long as it may still take; else undefined. */
export function waitsUntil({ since, timeout }: Wanted, now: number): number | undefined {
  return since === undefined ? undefined : now + timeout;
}

/** Whether a stream is with a worker. */
export function isPlaced(state: StreamState): state is Granted | Kept {
  return state.name === "granted" || state.name === "kept";
}

/** Where a stream is that is with a worker. */
export function foundIn({ worker, socket, slot }: Found): Found {
  return { worker, socket, slot };
}
