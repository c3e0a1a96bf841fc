import { connect } from "node:net";
import { monotonicMs } from "../process/clock.ts";
import { Connection } from "../protocol/connection.ts";
import { type DirtyError, DirtyTimeoutError, type WireError } from "../protocol/errors.ts";
import { HEADER_SIZE, type RequestId } from "../protocol/header.ts";
import { MSG, readDict, readError } from "../protocol/messages.ts";
import { encodeValue } from "../protocol/tlv-writer.ts";
import { brokenOff, unreachable } from "./gunicorn-errors.ts";

/** Questions that may be under way at once. */
const MAX_WAITING = 65_536;
/** Bytes of them; one more may always follow. */
const MAX_WAITING_BYTES = 128 * 1024 * 1024;

/** What a question was answered with. */
export type Answer = { readonly result: unknown } | { readonly error: WireError };

interface Waiting {
  readonly bytes: number;
  readonly until: number;
  resolve(answer: Answer): void;
  reject(error: DirtyError): void;
}

/**
 * A connection for questions that have one answer each, to a server that knows only Gunicorn's part of the protocol. It
 * is opened with the first question, and anew with the first one after it was lost. A question that had no answer then
 * is not asked again, because it would not be known there as the same, and it would be carried out twice.
 */
export class QuestionLink {
  private readonly path: string;
  private readonly ms: number;
  private readonly waiting = new Map<RequestId, Waiting>();
  private waitingBytes = 0;
  private connection: Connection | undefined;
  private timer: NodeJS.Timeout | undefined;
  private lastId = 0;

  /** @param ms that an answer may take. */
  constructor(path: string, ms: number) {
    this.path = path;
    this.ms = ms;
  }

  /** Whether no more questions can be asked until some are answered. */
  get full(): boolean {
    return this.waiting.size >= MAX_WAITING || this.waitingBytes >= MAX_WAITING_BYTES;
  }

  /**
   * Asks. Rejects with DirtyConnectionError where the other side cannot be reached or goes away, DirtyTimeoutError when
   * it does not answer in time, DirtyProtocolError when a value cannot cross.
   */
  async ask(type: number, fields?: Record<string, unknown>): Promise<Answer> {
    // Encoded now: the caller may change the value as soon as this returns.
    const payload = fields === undefined ? undefined : encodeValue(fields, "gunicorn");
    const id = ++this.lastId;
    const bytes = HEADER_SIZE + (payload?.size ?? 0);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { bytes, until: monotonicMs() + this.ms, resolve, reject });
      this.waitingBytes += bytes;
      this.timer ??= this.alarm(this.ms);
      this.connection ??= this.open();
      this.connection.send(type, id, payload);
    });
  }

  /** Closes. What waits is rejected. */
  close(): void {
    this.connection?.destroy();
  }

  private open(): Connection {
    const { path } = this;
    const socket = connect(path);
    let reached = false;
    socket.once("connect", () => {
      reached = true;
    });
    const connection = new Connection(socket, {
      frame: (type, id, buffer, start, end) => this.receive(type, id, buffer, start, end),
      closed: (error) => {
        if (this.connection === connection)
          this.lost(() => (reached ? brokenOff(path, error) : unreachable(path, error)));
      },
    });
    return connection;
  }

  private receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    if (type !== MSG.RESPONSE && type !== MSG.ERROR) return;
    const dict = readDict(buffer, start, end);
    const waiting = this.take(id);
    waiting?.resolve(type === MSG.RESPONSE ? { result: dict["result"] } : { error: readError(dict) });
  }

  private take(id: RequestId): Waiting | undefined {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return undefined;
    this.waiting.delete(id);
    this.waitingBytes -= waiting.bytes;
    if (this.waiting.size === 0) this.rest();
    return waiting;
  }

  /** @param failure makes the error of each that waits: each is told where it was asked. */
  private lost(failure: () => DirtyError): void {
    this.connection = undefined;
    for (const id of [...this.waiting.keys()]) this.take(id)?.reject(failure());
  }

  // Answers come in the order of the questions, so behind one that is late there is nothing to wait for.
  private expire(): void {
    this.timer = undefined;
    const [oldest] = this.waiting.values();
    if (oldest === undefined) return;
    const left = oldest.until - monotonicMs();
    if (left > 0) {
      this.timer = this.alarm(left);
      return;
    }
    const { connection } = this;
    const seconds = this.ms / 1000;
    const message = `Gunicorn's dirty arbiter at ${this.path} did not answer for ${seconds} s.`;
    this.lost(() => new DirtyTimeoutError(message, { details: { timeout: seconds } }));
    connection?.destroy();
  }

  private alarm(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.expire(), ms);
    timer.unref();
    return timer;
  }

  private rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
