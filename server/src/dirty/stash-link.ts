import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { monotonicMs } from "../process/clock.ts";
import { Connection } from "../protocol/connection.ts";
import type { EncodedValue } from "../protocol/encoded-value.ts";
import { DirtyConnectionError, DirtyTimeoutError, fromWireError, StashError } from "../protocol/errors.ts";
import type { RequestId } from "../protocol/header.ts";
import { type Hello, MSG, readChunk, readDict, readError } from "../protocol/messages.ts";
import { KEY_NOT_FOUND } from "../protocol/stash-messages.ts";
import { encodeValue } from "../protocol/tlv-writer.ts";

const RECONNECT_MS = 50;
/** What an operation may take, the dirty arbiter's death included, in ms. */
export const STASH_TIMEOUT_MS = 10_000;
/** Operations that may be under way at once. */
const MAX_WAITING = 65_536;
/** Bytes of them, which are kept to be sent again; one more may always follow. */
const MAX_WAITING_BYTES = 128 * 1024 * 1024;

/** Stands for the answer of `get` that there is no such entry. */
export const NO_ENTRY: unique symbol = Symbol("no entry");

interface Waiting {
  readonly payload: EncodedValue;
  readonly until: number;
  /** What has come of a list that is sent in parts. */
  begun: unknown[];
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/**
 * A process's own connection for the stash, so that a large value holds up no request for a slot. It is opened with
 * the first operation, and comes back by itself: what had no answer when the dirty arbiter went away is sent again
 * under the same client's name and id, by which its successor knows what was done already.
 */
export class StashLink {
  private readonly path: string;
  private readonly hello: Hello;
  private readonly waiting = new Map<number, Waiting>();
  private waitingBytes = 0;
  private connection: Connection | undefined;
  private retry: NodeJS.Timeout | undefined;
  private timer: NodeJS.Timeout | undefined;
  private welcomed = false;
  private closed = false;
  private lastId = 0;

  constructor(path: string, hello: Hello) {
    this.path = path;
    this.hello = { ...hello, role: "stash", client: randomBytes(9).toString("base64url") };
  }

  /**
   * Asks for an operation.
   * @returns its result, or `NO_ENTRY`. Rejects with a StashError when it cannot be done, DirtyProtocolError when a
   *   value cannot cross, DirtyTimeoutError or DirtyConnectionError when no answer came in time.
   */
  async ask(fields: Record<string, unknown>): Promise<unknown> {
    if (this.closed) throw unreachable();
    if (this.waiting.size >= MAX_WAITING || this.waitingBytes >= MAX_WAITING_BYTES) {
      throw new StashError(
        `${this.waiting.size} stash operations of ${this.waitingBytes} bytes are under way; await some before you begin more.`,
      );
    }
    // Encoded now and once: the caller may change the value as soon as this returns.
    const payload = encodeValue({ ...fields, answered: this.answered() });
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { payload, until: monotonicMs() + STASH_TIMEOUT_MS, begun: [], resolve, reject });
      this.waitingBytes += payload.size;
      this.timer ??= this.alarm(STASH_TIMEOUT_MS);
      if (this.connection === undefined) this.open();
      else this.connection.send(MSG.STASH, id, payload);
    });
  }

  /** Closes for good. What waits is rejected. */
  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    clearTimeout(this.timer);
    this.connection?.close();
    for (const id of [...this.waiting.keys()]) this.take(id)?.reject(unreachable());
  }

  /** The id up to which all operations have been answered. */
  private answered(): number {
    for (const oldest of this.waiting.keys()) return oldest - 1;
    return this.lastId;
  }

  private open(): void {
    if (this.connection !== undefined || this.closed || this.waiting.size === 0) return;
    clearTimeout(this.retry);
    const connection = new Connection(connect(this.path), {
      frame: (type, id, buffer, start, end) => this.receive(type, id, buffer, start, end),
      closed: () => this.lost(connection),
    });
    this.connection = connection;
    connection.speakOurs();
    connection.send(MSG.HELLO, 0, this.hello);
    for (const [id, waiting] of this.waiting) {
      waiting.begun = [];
      connection.send(MSG.STASH, id, waiting.payload);
    }
  }

  private receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    if (type === MSG.WELCOME) {
      this.welcomed = true;
      return;
    }
    if (type === MSG.CHUNK) {
      const part = readChunk(buffer, start, end);
      if (typeof id === "number") append(this.waiting.get(id)?.begun, part);
      return;
    }
    const dict = readDict(buffer, start, end);
    const waiting = typeof id === "number" ? this.take(id) : undefined;
    if (type === MSG.RESPONSE) {
      const { result } = dict;
      if (waiting === undefined || waiting.begun.length === 0) waiting?.resolve(result);
      else waiting.resolve(append(waiting.begun, result));
    } else if (type === MSG.ERROR) {
      const error = readError(dict);
      if (error.error_type === KEY_NOT_FOUND) waiting?.resolve(NO_ENTRY);
      else waiting?.reject(fromWireError(error));
    }
  }

  private take(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return undefined;
    this.waiting.delete(id);
    this.waitingBytes -= waiting.payload.size;
    return waiting;
  }

  private lost(connection: Connection): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    this.welcomed = false;
    if (!this.closed) this.retry = setTimeout(() => this.open(), RECONNECT_MS);
  }

  // One timer for all: they have the same time, so the oldest is the next that is over.
  private alarm(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.expire(), ms);
    timer.unref();
    return timer;
  }

  private expire(): void {
    this.timer = undefined;
    const now = monotonicMs();
    for (const [id, { until }] of this.waiting) {
      if (until > now) {
        this.timer = this.alarm(until - now);
        return;
      }
      this.take(id)?.reject(this.welcomed ? unanswered() : unreachable());
    }
  }
}

function unanswered(): DirtyTimeoutError {
  const seconds = STASH_TIMEOUT_MS / 1000;
  return new DirtyTimeoutError(
    `The dirty arbiter did not answer a stash operation within ${seconds} s. Whether it was carried out is not known.`,
    { details: { timeout: seconds } },
  );
}

function unreachable(): DirtyConnectionError {
  return new DirtyConnectionError(
    "The dirty arbiter cannot be reached for a stash operation. Whether it was carried out is not known.",
  );
}

// One part at a time, as they come: to join millions of keys at the end would hold this process.
function append(list: unknown[] | undefined, part: unknown): unknown[] | undefined {
  if (Array.isArray(part)) for (const item of part) list?.push(item);
  return list;
}
