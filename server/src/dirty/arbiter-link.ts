import { connect } from "node:net";
import { Connection } from "../protocol/connection.ts";
import { type DirtyError, fromWireError } from "../protocol/errors.ts";
import type { RequestId } from "../protocol/header.ts";
import {
  type AppState,
  type Hello,
  MSG,
  type Place,
  type Placed,
  readApps,
  readDict,
  readError,
  readPlaced,
  readPosition,
} from "../protocol/messages.ts";

const RECONNECT_MS = 50;

/** Who waits for a place. */
export interface PlaceListener {
  /** A slot is there. */
  placed(placed: Placed): void;
  /** No slot will come. */
  placeFailed(error: DirtyError): void;
  /** The request waits in its app's queue, with so many before it. */
  queued(position: number): void;
}

interface Waiting {
  place: Place;
  listener: PlaceListener;
}

/**
 * The connection to the dirty arbiter, over which slots are asked for. It comes back by itself when the
 * dirty arbiter was replaced: the arbiter holds the listening socket, so connecting never fails for long,
 * and whatever still waits is asked for again with the time at which it first arrived.
 */
export class ArbiterLink {
  private readonly path: string;
  private readonly hello: Hello;
  private readonly waiting = new Map<number, Waiting>();
  private connection: Connection | undefined;
  private retry: NodeJS.Timeout | undefined;
  private closed = false;
  private lastId = 0;
  /** The configured apps and their ready workers, as last heard. */
  apps: AppState[] = [];
  /** Whether the dirty arbiter can be reached right now. */
  connected = false;

  constructor(path: string, hello: Hello) {
    this.path = path;
    this.hello = hello;
  }

  /** Connects, unless it is connected already. */
  open(): void {
    if (this.connection !== undefined || this.closed) return;
    const socket = connect(this.path);
    const connection = new Connection(socket, {
      frame: (type, id, buffer, start, end) => this.receive(type, id, buffer, start, end),
      closed: () => this.lost(connection),
    });
    this.connection = connection;
    connection.send(MSG.HELLO, 0, this.hello);
    for (const [id, { place }] of this.waiting) connection.send(MSG.PLACE, id, place);
  }

  /** Asks for a slot. @returns the id to `cancel` it with. */
  place(place: Place, listener: PlaceListener): number {
    const id = ++this.lastId;
    this.waiting.set(id, { place, listener });
    if (this.connection === undefined) this.open();
    else this.connection.send(MSG.PLACE, id, place);
    return id;
  }

  /** Gives up a request that waits, or a slot that was granted and will not be used. */
  cancel(id: number): void {
    this.waiting.delete(id);
    this.connection?.send(MSG.CANCEL, id);
  }

  /** Closes for good. */
  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.connection?.close();
  }

  private receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    if (type === MSG.WELCOME) {
      this.connected = true;
      return;
    }
    const dict = readDict(buffer, start, end);
    if (type === MSG.APPS) {
      this.apps = readApps(dict);
      return;
    }
    // An id that is not there was cancelled while the answer was on its way.
    const waiting = typeof id === "number" ? this.waiting.get(id) : undefined;
    if (waiting === undefined || typeof id !== "number") return;
    if (type === MSG.QUEUED) {
      waiting.listener.queued(readPosition(dict));
    } else if (type === MSG.PLACED) {
      const placed = readPlaced(dict);
      this.waiting.delete(id);
      waiting.listener.placed(placed);
    } else if (type === MSG.ERROR) {
      this.waiting.delete(id);
      waiting.listener.placeFailed(fromWireError(readError(dict)));
    }
  }

  private lost(connection: Connection): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    this.connected = false;
    if (this.closed) return;
    this.retry = setTimeout(() => this.open(), RECONNECT_MS);
  }
}
