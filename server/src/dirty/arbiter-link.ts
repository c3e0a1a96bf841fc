import { connect } from "node:net";
import { deadline } from "../process/deadline.ts";
import { Connection } from "../protocol/connection.ts";
import { DirtyError, fromWireError } from "../protocol/errors.ts";
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
import { type EndStream, type Find, type Found, readFound, STREAM_MSG } from "../protocol/stream-messages.ts";

const RECONNECT_MS = 50;

/** Who waits for a place. */
export interface PlaceListener {
  /** A slot is there. */
  placed(placed: Placed): void;
  /** A worker has the stream's run already. */
  found(found: Found): void;
  /** The stream was ended while it waited. */
  ended(): void;
  /** No slot will come. */
  placeFailed(error: DirtyError): void;
  /** The request waits in its app's queue, with this many before it. Told again where it asked for `notices`. */
  queued(position: number): void;
}

type Message = Place | Find | EndStream;

interface Waiting {
  type: number;
  message: Message;
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
  private news: (() => void) | undefined;
  /** Resolves with the first news of the apps. */
  private readonly firstNews = new Promise<void>((resolve) => {
    this.news = resolve;
  });
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
    connection.speakOurs();
    connection.send(MSG.HELLO, 0, this.hello);
    for (const [id, { type, message }] of this.waiting) this.send(type, id, message);
  }

  /** Waits until the dirty arbiter has said what there is, but for `ms` at most. */
  async heard(ms: number): Promise<void> {
    await deadline(ms, this.firstNews, () => {});
  }

  /** Asks for a slot. @returns the id to `cancel` it with. */
  place(place: Place, listener: PlaceListener): number {
    return this.ask(MSG.PLACE, place, listener);
  }

  /** Asks where a resumable stream is. @returns the id to `cancel` it with. */
  find(find: Find, listener: PlaceListener): number {
    return this.ask(STREAM_MSG.FIND, find, listener);
  }

  /** Ends a resumable stream that waits, or asks where it is. @returns the id to `cancel` it with. */
  endStream(end: EndStream, listener: PlaceListener): number {
    return this.ask(STREAM_MSG.END_STREAM, end, listener);
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

  private ask(type: number, message: Message, listener: PlaceListener): number {
    const id = ++this.lastId;
    this.waiting.set(id, { type, message, listener });
    if (this.connection === undefined) this.open();
    else this.send(type, id, message);
    return id;
  }

  // What a resumable request is called with travels too, and may be something that cannot.
  private send(type: number, id: number, message: Message): void {
    try {
      this.connection?.send(type, id, message);
    } catch (error) {
      if (!(error instanceof DirtyError)) throw error;
      const { listener } = this.waiting.get(id) ?? {};
      this.waiting.delete(id);
      process.nextTick(() => listener?.placeFailed(error));
    }
  }

  private receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    if (type === MSG.WELCOME) {
      this.connected = true;
      return;
    }
    const dict = readDict(buffer, start, end);
    if (type === MSG.APPS) {
      this.apps = readApps(dict);
      this.news?.();
      return;
    }
    // An id that is not there was cancelled while the answer was on its way.
    const waiting = typeof id === "number" ? this.waiting.get(id) : undefined;
    if (waiting === undefined || typeof id !== "number") return;
    if (type === MSG.QUEUED) {
      // It is in: a dirty arbiter that replaces this one takes it whatever its queue holds by then.
      if ("arrival" in waiting.message) waiting.message.again = true;
      waiting.listener.queued(readPosition(dict));
    } else if (type === MSG.PLACED) {
      const placed = readPlaced(dict);
      this.waiting.delete(id);
      waiting.listener.placed(placed);
    } else if (type === STREAM_MSG.FOUND) {
      const found = readFound(dict);
      this.waiting.delete(id);
      waiting.listener.found(found);
    } else if (type === MSG.RESPONSE) {
      this.waiting.delete(id);
      waiting.listener.ended();
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
