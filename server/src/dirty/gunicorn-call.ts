import { connect } from "node:net";
import { monotonicMs } from "../process/clock.ts";
import { Connection } from "../protocol/connection.ts";
import type { EncodedValue } from "../protocol/encoded-value.ts";
import { type DirtyError, DirtyProtocolError, DirtyQueueFullError } from "../protocol/errors.ts";
import { HEADER_SIZE, type RequestId } from "../protocol/header.ts";
import { MSG, readChunk, readDict, readError } from "../protocol/messages.ts";
import { encodeValue } from "../protocol/tlv-writer.ts";
import { WINDOW } from "../protocol/window.ts";
import type { CallTarget } from "./call-context.ts";
import { tookTooLong } from "./call-errors.ts";
import type { CallOptions } from "./call-options.ts";
import { CallReader } from "./call-reader.ts";
import { brokenOff, fromGunicorn, unreachable } from "./gunicorn-errors.ts";

/** The one request of its connection. */
const ID = 1;
/** A burst of connections can be more than the other side's backlog has room for: it takes them moments later. */
const CONNECT_MS = 5000;
const CONNECT_AGAIN_MS = 20;

/** What the calls of a process to one Gunicorn share. */
export interface GunicornContext {
  /** Path of its dirty arbiter's socket. */
  readonly path: string;
  /** `dirtyTimeout` in ms. */
  readonly timeoutMs: number;
  /** The most calls of this process that may wait for their first answer: its queues have no bound. */
  readonly mostWaiting: number;
  /** How many do. */
  waiting: number;
}

/**
 * One request to a Gunicorn, on a connection of its own: its arbiter serves a connection's requests one after the other,
 * and learns that an answer is not wanted any more only when that connection closes. What this side does not read stays in
 * the sockets, and stops the app there.
 */
export class GunicornCall extends CallReader {
  private readonly context: GunicornContext;
  private readonly target: CallTarget;
  private connection: Connection | undefined;
  private timer: NodeJS.Timeout | undefined;
  private again: NodeJS.Timeout | undefined;
  private reached = false;
  private isWaiting = false;
  private connectUntil = 0;
  /** Bytes that came and were not passed on. */
  private unread = 0;
  private paused = false;
  private toDeliver = false;

  constructor(context: GunicornContext, target: CallTarget, options: CallOptions) {
    super(options);
    this.context = context;
    this.target = target;
  }

  protected override begin(): void {
    const { context, target } = this;
    const { app, action, args, kwargs = {} } = target;
    if (context.waiting >= context.mostWaiting) {
      this.fail(
        new DirtyQueueFullError(`${context.waiting} requests wait for Gunicorn's dirty workers already.`, {
          details: { app_path: app },
        }),
      );
      return;
    }
    let request: EncodedValue;
    try {
      request = encodeValue({ app_path: app, action, args: given(args), kwargs }, "gunicorn");
    } catch (error) {
      this.fail(error);
      return;
    }
    context.waiting++;
    this.isWaiting = true;
    this.timer = setTimeout(GunicornCall.expire, this.timeoutMs, this);
    this.connectUntil = monotonicMs() + CONNECT_MS;
    this.open(request);
  }

  protected override leave(): void {
    this.hangUp();
  }

  protected override retire(): void {}

  protected override credit(bytes: number): void {
    this.unread -= bytes;
    if (!this.paused || this.unread > WINDOW / 2) return;
    this.paused = false;
    this.connection?.resume();
  }

  protected override released(): void {
    this.hangUp();
  }

  private get timeoutMs(): number {
    const { timeout = Number.POSITIVE_INFINITY } = this.options;
    return Math.max(0, Math.min(timeout * 1000, this.context.timeoutMs));
  }

  private static expire(call: GunicornCall): void {
    call.fail(tookTooLong(`${call.target.app} ${call.target.action}`, call.timeoutMs / 1000));
  }

  private open(request: EncodedValue): void {
    const socket = connect(this.context.path);
    socket.once("connect", () => {
      this.reached = true;
      this.acceptance.accept();
    });
    const connection = new Connection(socket, {
      frame: (type, id, buffer, start, end) => this.receive(type, id, buffer, start, end),
      readEnded: () => {
        if (!this.toDeliver) return;
        this.toDeliver = false;
        this.inbox.deliver();
      },
      closed: (error) => {
        if (this.connection === connection) this.lost(request, error);
      },
    });
    this.connection = connection;
    connection.send(MSG.REQUEST, ID, request);
  }

  private receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    // Already over, with more behind it in the same read.
    if (this.connection === undefined) return;
    if (id !== ID && type !== MSG.ERROR) {
      throw new DirtyProtocolError(`An answer has the id ${id}; the request had ${ID}.`);
    }
    this.answered();
    switch (type) {
      case MSG.CHUNK:
        this.chunk(readChunk(buffer, start, end), end - start + HEADER_SIZE);
        return;
      case MSG.END:
        this.streams ??= true;
        this.finish();
        return;
      case MSG.RESPONSE: {
        const { result } = readDict(buffer, start, end);
        this.streams = false;
        this.inbox.push(result ?? null, 0);
        this.finish();
        return;
      }
      case MSG.ERROR:
        this.fail(fromGunicorn(readError(readDict(buffer, start, end)), this.target.action));
        return;
      default:
        throw new DirtyProtocolError(
          `A message of type 0x${type.toString(16)} is not an answer to a request.`,
        );
    }
  }

  private chunk(value: unknown, bytes: number): void {
    this.streams ??= true;
    this.unread += bytes;
    if (this.inbox.push(value, bytes)) this.toDeliver = true;
    if (this.unread <= WINDOW || this.paused) return;
    this.paused = true;
    this.connection?.pause();
  }

  private lost(request: EncodedValue, error: Error | undefined): void {
    const isFull = !this.reached && error !== undefined && "code" in error && error.code === "EAGAIN";
    if (isFull && monotonicMs() < this.connectUntil) {
      this.again = setTimeout(() => this.open(request), CONNECT_AGAIN_MS);
      return;
    }
    this.fail(this.explain(error));
  }

  private explain(error: Error | undefined): DirtyError {
    const { path } = this.context;
    if (error instanceof DirtyProtocolError) {
      const message = `What answers at ${path} does not keep to Gunicorn's protocol: ${error.message}`;
      return new DirtyProtocolError(message, { cause: error });
    }
    return this.reached ? brokenOff(path, error) : unreachable(path, error);
  }

  /** It does not wait any more. */
  private answered(): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    this.context.waiting--;
  }

  /** By the end of the connection Gunicorn knows that an answer is not wanted. */
  private hangUp(): void {
    clearTimeout(this.timer);
    clearTimeout(this.again);
    this.answered();
    const { connection } = this;
    this.connection = undefined;
    connection?.destroy();
  }
}

/** Without those at the end that were left out, so that Python's own defaults apply. */
function given(args: readonly unknown[]): readonly unknown[] {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  return args.slice(0, count);
}
