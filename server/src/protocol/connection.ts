import type { Socket } from "node:net";
import { DirtyProtocolError, type ErrorDetails, toWireError } from "./errors.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { RequestId } from "./header.ts";
import { outliveLostWrites } from "./lost-writes.ts";
import { MSG } from "./messages.ts";

/** What the owner of a connection is told. */
export interface ConnectionEvents {
  /**
   * A frame has been announced, of which nothing is kept yet; perhaps several times for one. An error thrown here ends
   * the connection as a protocol error.
   */
  announced?(type: number, length: number): void;
  /**
   * A whole frame came. The payload's bytes, `start` to `end` of `buffer`, are only good during the call.
   * An error thrown here ends the connection as a protocol error.
   */
  frame(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void;
  /** Every frame of what was read in one piece has been handed over. */
  readEnded?(): void;
  /** The connection is over. Called once, after every byte that came before its end was handled. */
  closed(error: Error | undefined): void;
}

/**
 * Frames over a socket. What is sent within one turn of the event loop leaves in one write, because a
 * write per token costs more than the token; `flush()` sends at once.
 */
export class Connection {
  private readonly socket: Socket;
  private readonly events: ConnectionEvents;
  private readonly writer = new FrameWriter();
  private scheduled = false;
  private turnScheduled = false;
  /** Nothing more is sent: a write after the end would destroy the socket with all that it still holds. */
  private closing = false;
  private over = false;
  private broken = false;
  private failure: Error | undefined;
  private waiting: (() => void)[] = [];

  constructor(socket: Socket, events: ConnectionEvents) {
    this.socket = socket;
    this.events = events;
    outliveLostWrites(socket);
    const reader = new FrameReader((type, id, buffer, start, end) => {
      if (!this.over && !this.broken) this.events.frame(type, id, buffer, start, end);
    }, events.announced);
    socket.on("data", (chunk: Buffer) => {
      if (this.over || this.broken) return;
      try {
        reader.push(chunk);
        this.events.readEnded?.();
      } catch (error) {
        this.fail(asError(error));
      }
    });
    socket.on("end", () => {
      try {
        reader.end();
      } catch (error) {
        this.failure ??= asError(error);
      }
      // The peer is gone for good: no process of ours answers a half-closed connection.
      socket.destroy();
    });
    socket.on("error", (error) => {
      this.failure ??= error;
    });
    socket.on("drain", () => this.release());
    socket.on("close", () => this.finish());
  }

  /** Bytes that were sent here and have not left this process. */
  get backlog(): number {
    return this.writer.size + this.socket.writableLength;
  }

  /** The peer is a process of this server: values of types that Gunicorn does not know can be sent from now on. */
  speakOurs(): void {
    this.writer.reader = "ours";
  }

  /** Whether frames can still be sent. */
  get open(): boolean {
    return !this.closing;
  }

  /**
   * Sends a frame with one value as its payload, or none.
   * @throws DirtyProtocolError when the value cannot cross; nothing is sent then.
   */
  send(type: number, id: RequestId, value?: unknown): void {
    if (this.closing) return;
    this.writer.frame(type, id, value);
    this.schedule();
  }

  /**
   * Sends a CHUNK, at the end of this turn of the event loop.
   * @returns the frame's size in bytes.
   * @throws DirtyProtocolError when the value cannot cross; nothing is sent then.
   */
  sendChunk(id: RequestId, data: unknown): number {
    if (this.closing) return 0;
    const size = this.writer.chunk(MSG.CHUNK, id, data);
    // Not on the next tick: Node runs ticks after each single timer, and the tokens of many paced streams, each
    // with its timer, would leave in a write each.
    if (!this.turnScheduled) {
      this.turnScheduled = true;
      setImmediate(this.flushTurn);
    }
    return size;
  }

  /**
   * Sends a frame whose payload was encoded before, at the end of this turn of the event loop.
   * @returns the frame's size in bytes.
   */
  sendEncoded(type: number, id: RequestId, payload: Buffer, start: number, end: number): number {
    if (this.closing) return 0;
    const size = this.writer.encoded(type, id, payload, start, end);
    if (!this.turnScheduled) {
      this.turnScheduled = true;
      setImmediate(this.flushTurn);
    }
    return size;
  }

  /**
   * Sends an ERROR for anything that was thrown. Details that cannot cross are left out: the caller must
   * hear of the error all the same.
   */
  sendError(id: RequestId, error: unknown, details?: ErrorDetails): void {
    const wire = toWireError(error, details);
    try {
      this.send(MSG.ERROR, id, { error: wire });
    } catch {
      this.send(MSG.ERROR, id, { error: { ...wire, details: {} } });
    }
  }

  /** Sends at once what was gathered in this turn. */
  flush(): void {
    if (this.writer.size === 0 || this.over) return;
    const parts = this.writer.take();
    if (parts.length === 1 && parts[0] !== undefined) {
      this.socket.write(parts[0]);
      return;
    }
    this.socket.cork();
    for (const part of parts) this.socket.write(part);
    this.socket.uncork();
  }

  /** Sends what was gathered, and calls back once the socket takes more, or the connection is over. */
  drained(callback: () => void): void {
    this.flush();
    if (this.over || !this.socket.writableNeedDrain) process.nextTick(callback);
    else this.waiting.push(callback);
  }

  /** Stops reading until `resume()`. */
  pause(): void {
    this.socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.socket.resume();
  }

  /** Sends what is left, then closes. `ms` bounds how long a peer that does not read can delay it. */
  close(ms = 1000): void {
    if (this.closing) return;
    this.flush();
    this.closing = true;
    this.socket.end();
    const timer = setTimeout(() => this.socket.destroy(), ms);
    this.socket.once("close", () => clearTimeout(timer));
  }

  /** Closes at once. */
  destroy(error?: Error): void {
    if (this.over) return;
    this.failure ??= error;
    this.flush();
    this.socket.destroy();
    this.finish();
  }

  /** Tells the peer what was wrong with its bytes, and closes. Nothing more of it is read. */
  private fail(error: Error): void {
    if (this.broken) return;
    this.broken = true;
    this.failure ??= error;
    // Any other error is a fault of this side, which is for its own log.
    const message = error instanceof DirtyProtocolError ? error.message : "The message could not be handled.";
    this.sendError(0, new DirtyProtocolError(message));
    this.close();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(this.flushScheduled);
  }

  private readonly flushTurn = (): void => {
    this.turnScheduled = false;
    this.flush();
  };

  private readonly flushScheduled = (): void => {
    this.scheduled = false;
    this.flush();
  };

  private release(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const callback of waiting) process.nextTick(callback);
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    this.closing = true;
    this.events.closed(this.failure);
    this.release();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new DirtyProtocolError(String(error));
}
