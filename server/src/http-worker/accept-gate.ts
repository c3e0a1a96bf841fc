import type { Server } from "node:http";
import type { ConnectionCount, ConnectionTable } from "../process/connection-table.ts";

/** What the handle of a listening server does, and Node's documentation does not name. It serves `net.Socket` so. */
interface Handle {
  /** Watches the descriptor: for a listening one, accepts. */
  readStart(): number;
  /** Does not watch it: connections wait in the kernel, for the other workers. */
  readStop(): number;
}

/** A worker may hold a sixth more connections than the one with the fewest, and at least one more. */
const SHARE_OF_LEAD = 6;
/** Among those that hold as many, a worker may have taken this many more than another. Fewer cost short requests time. */
const MOST_AHEAD = 4;
/** A worker that lags behind by more, since it held too many or did not answer, does not have to catch up on the rest. */
const MOST_BEHIND = 16;
/** ms between two looks of a worker that holds back: at first, later, and where no worker has taken any for a while. */
const FIRST_LOOK_MS = 1;
const LATER_LOOK_MS = 16;
/** ms that a worker leaves a connection to the others, for each connection that it is ahead; at most as between two looks. */
const LEAVE_MS = 2;
const IDLE_LOOK_MS = 100;
const LOOKS_BEFORE_IDLE = 60;

/**
 * Has a worker take its share of the connections.
 *
 * All workers wait for connections on the same socket, and the kernel gives each to the one that asks first: by chance
 * one worker holds four times as many streams as another. So a worker that is ahead of the others holds back. One that
 * is not ahead never does, so there always is a worker that takes the next connection at once. Holding back is not
 * absolute: at each look the worker takes a connection that no other has taken so far. Where those with fewer are busy
 * or hang, a connection waits for some ms and not for them.
 */
export class AcceptGate {
  private readonly table: ConnectionTable;
  private readonly slot: number;
  private readonly handles: Handle[] = [];
  private held = 0;
  private taken = 0;
  private isOpen = false;
  private lookMs = FIRST_LOOK_MS;
  private looks = 0;
  private lastTaken = 0;
  /** When it took its last connection, on the monotonic clock. */
  private since = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param slot the worker's own in the table. */
  constructor(table: ConnectionTable, slot: number) {
    this.table = table;
    this.slot = slot;
  }

  /** Has a server that listens take part. */
  add(server: Server): void {
    const handle: unknown = Reflect.get(server, "_handle");
    if (!isHandle(handle)) return;
    // Marks it as watched, which it is already: `readStop` does nothing before.
    handle.readStart();
    this.handles.push(handle);
  }

  /** From now on the worker counts among those that take connections. */
  start(): void {
    this.taken = latest(this.table.others(this.slot), 0);
    this.isOpen = true;
    this.publish();
  }

  /** The worker takes no more. */
  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.isOpen = false;
    this.handles.length = 0;
    this.table.write(this.slot, undefined);
  }

  /** A connection was taken. */
  opened(): void {
    this.held++;
    this.taken = (this.taken + 1) >>> 0;
    const others = this.table.others(this.slot);
    const behind = latest(others, this.taken) - MOST_BEHIND;
    if (distance(behind >>> 0, this.taken) > 0) this.taken = behind >>> 0;
    this.publish();
    if (!this.isOpen) return;
    this.lookMs = FIRST_LOOK_MS;
    this.looks = 0;
    this.since = performance.now();
    if (this.lead(others) > 0) this.holdBack();
    else this.resume();
  }

  /** A connection was closed. */
  closed(): void {
    this.held--;
    this.publish();
    if (this.timer !== undefined && this.lead(this.table.others(this.slot)) === 0) this.resume();
  }

  private publish(): void {
    if (this.isOpen) this.table.write(this.slot, { held: this.held, taken: this.taken });
  }

  /** How many connections the worker is ahead of what it may have; 0: it may take the next one. */
  private lead(others: readonly ConnectionCount[]): number {
    if (others.length === 0) return 0;
    let fewest = this.held;
    for (const { held } of others) fewest = Math.min(fewest, held);
    const most = fewest + Math.max(1, Math.floor(fewest / SHARE_OF_LEAD));
    let lead = Math.max(0, this.held - most);
    for (const { held, taken } of others)
      if (held <= most) lead = Math.max(lead, distance(this.taken, taken) - MOST_AHEAD);
    return lead;
  }

  private holdBack(): void {
    for (const handle of this.handles) handle.readStop();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), this.lookMs);
  }

  private resume(): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const handle of this.handles) handle.readStart();
  }

  private look(): void {
    const others = this.table.others(this.slot);
    const lead = this.lead(others);
    if (lead === 0) {
      this.resume();
      return;
    }
    const taken = latest(others, this.taken);
    this.looks = taken === this.lastTaken ? this.looks + 1 : 0;
    this.lastTaken = taken;
    this.lookMs = this.looks > LOOKS_BEFORE_IDLE ? IDLE_LOOK_MS : Math.min(2 * this.lookMs, LATER_LOOK_MS);
    if (performance.now() - this.since < Math.min(lead * LEAVE_MS, LATER_LOOK_MS)) {
      this.holdBack();
      return;
    }
    // Between a timer and an immediate Node asks the kernel once, without waiting.
    for (const handle of this.handles) handle.readStart();
    setImmediate(() => {
      // Unless a connection came, which has set the next look, or the worker stops.
      if (this.isOpen && this.timer !== undefined) this.holdBack();
    });
  }
}

/** The highest count of connections taken, of these and of `own`. */
function latest(others: readonly ConnectionCount[], own: number): number {
  let highest = own;
  for (const { taken } of others) if (distance(taken, highest) > 0) highest = taken;
  return highest;
}

/** How far one count is ahead of another; counts wrap at 32 bits. */
function distance(count: number, other: number): number {
  return (count - other) | 0;
}

function isHandle(value: unknown): value is Handle {
  if (typeof value !== "object" || value === null) return false;
  return ["readStart", "readStop"].every((name) => typeof Reflect.get(value, name) === "function");
}
