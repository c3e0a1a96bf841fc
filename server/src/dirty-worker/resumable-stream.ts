import { monotonicMs } from "../process/clock.ts";
import type { Connection } from "../protocol/connection.ts";
import {
  DirtyCancelledError,
  DirtyQueueFullError,
  DirtyStreamGoneError,
  DirtyWorkerError,
  type ErrorDetails,
} from "../protocol/errors.ts";
import { FrameWriter } from "../protocol/frame-writer.ts";
import { HEADER_SIZE, type RequestId } from "../protocol/header.ts";
import { MSG, type Run as RunMessage, type RunPayload, readChunk } from "../protocol/messages.ts";
import { type Attach, type Attached, STREAM_MSG } from "../protocol/stream-messages.ts";
import { WINDOW } from "../protocol/window.ts";
import { ReplayBuffer } from "./replay-buffer.ts";
import type { Run } from "./run.ts";
import type { RunOutput } from "./run-output.ts";
import { StreamReader, type StreamReaderOwner } from "./stream-reader.ts";

/** What a stream needs of the store that keeps it. */
export interface StreamKeeper {
  /** Bytes that one stream may take. */
  readonly streamBytes: number;
  /** ms that a run goes on without a reader. */
  readonly graceMs: number;
  /** It takes `bytes` more than before; fewer where that is negative. */
  grew(stream: ResumableStream, bytes: number): void;
  /** Its last chunk is there. */
  ended(stream: ResumableStream): void;
  /** It cannot be read any more; `gone` when its worker gave it up before its time. */
  dropped(stream: ResumableStream, gone: boolean): void;
  /** Its readers are other ones, or it has ended: whether a worker that drains waits for it may have changed. */
  changed(): void;
}

// What a stream takes besides its chunks and its arguments: the objects around them, and its entry here and in the
// dirty arbiter.
const OVERHEAD = 2048;

// The HTTP worker that had all of it may lose its client before that had it: so long for the client to come back.
const DELIVERED_MS = 2000;

// Every reader costs each chunk a copy, and a client that knows the id can come as often as it likes.
const MAX_READERS = 64;
// What came before a reader's place crosses outside its window, so this bounds how much of that waits in memory.
const MAX_PREFIX_BACKLOG = 16 * 1024 * 1024;

const encoder = new FrameWriter();
encoder.reader = "ours";

/** A resumable run's output: it keeps the chunks, and passes them on to as many readers as there are, also none. */
export class ResumableStream implements RunOutput, StreamReaderOwner {
  readonly id: string;
  readonly slot: number;
  /** Bytes of memory that it takes. */
  bytes = 0;
  private readonly keeper: StreamKeeper;
  /** What a reader is told of the run. */
  private readonly about: Omit<Attached, "ms_left" | "emitted" | "continues">;
  /** What it needs to have the run continued elsewhere; undefined: it cannot be continued. */
  private readonly called: Pick<RunPayload, "args" | "kwargs"> | undefined;
  /** Bytes that it takes besides its chunks. */
  private readonly base: number;
  private readonly buffer = new ReplayBuffer();
  private readonly readers = new Set<StreamReader>();
  private run: Run | undefined;
  private grace: NodeJS.Timeout | undefined;
  private paused = false;
  private ending: ((reader: StreamReader) => void) | undefined;
  private over = false;
  /** Some reader has had all of it, with its end. */
  private delivered = false;
  /** It has ended, and no reader came for that in time. */
  private unwanted = false;

  /** @param continues whether another worker can go on with it. */
  constructor(keeper: StreamKeeper, message: RunMessage, id: string, continues: boolean) {
    this.keeper = keeper;
    // The message itself is not kept: its `emitted` would be there twice.
    const { slot, app, action, request_id, args, kwargs, emitted = [] } = message;
    this.id = id;
    this.slot = slot;
    this.about = { app, action, args: [], request_id };
    if (continues) this.called = kwargs === undefined ? { args } : { args, kwargs };
    this.base = OVERHEAD + (this.called === undefined ? 0 : sizeOf(this.called));
    for (const value of emitted) this.keep(value);
    this.settleBytes();
  }

  /** Says which run fills it. Without a reader, its grace begins. */
  begin(run: Run): void {
    this.run = run;
    this.countReaders();
  }

  /** Whether a worker that drains waits for it: a client reads it, or may be on the way back to its end. */
  get wanted(): boolean {
    return this.readers.size > 0 || (this.ending !== undefined && !this.unwanted);
  }

  /** The client of the RUN reads from behind what was emitted before. */
  open(connection: Connection, id: RequestId, done: () => void): StreamReader {
    return this.admit(connection, id, this.buffer.end, done);
  }

  /**
   * A reader comes.
   * @returns undefined when it has been answered already: its chunks are not kept, or the stream is over.
   */
  attach(connection: Connection, id: RequestId, attach: Attach, done: () => void): StreamReader | undefined {
    if (attach.after < this.buffer.first) {
      connection.sendError(
        id,
        new DirtyStreamGoneError("The chunks that were asked for are not kept any more."),
      );
      return undefined;
    }
    if (this.readers.size >= MAX_READERS) {
      const details = { retry_after: 1 };
      connection.sendError(id, new DirtyQueueFullError("The stream has too many readers.", { details }));
      return undefined;
    }
    const next = this.introduce(connection, id, attach);
    const reader = this.admit(connection, id, next, done);
    this.pump(reader);
    return this.readers.has(reader) ? reader : undefined;
  }

  /** Ends it by its name. */
  cancel(): void {
    const error = new DirtyCancelledError("The stream was cancelled.");
    const readers = [...this.readers];
    this.drop();
    for (const { connection, id, done } of readers) {
      connection.sendError(id, error);
      done();
    }
    this.run?.abort(error);
  }

  /**
   * Gives it up: nothing of it can be read any more.
   * @param gone whether that is the worker's doing. A client that asks for it is told so, and may have it continued.
   */
  drop(gone = false): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.grace);
    this.readers.clear();
    this.keeper.dropped(this, gone);
  }

  /** Gives up its oldest chunks until it takes `bytes` less, or has none. */
  shrink(bytes: number): void {
    this.buffer.trim(Math.max(0, this.buffer.bytes - bytes));
    this.settleBytes();
  }

  /**
   * Its run's code has ended. Where the run was aborted there is no end to give: its readers ask for it again, and
   * have it continued where that is possible.
   */
  settled(): void {
    this.run = undefined;
    if (this.ending !== undefined || this.over) return;
    const readers = [...this.readers];
    this.drop(true);
    for (const { connection, id, done } of readers) {
      connection.send(MSG.NACK, id);
      done();
    }
  }

  send(type: number, _id: RequestId, value?: unknown): void {
    if (type === MSG.STARTED) {
      for (const { connection, id } of this.readers) connection.send(type, id);
      return;
    }
    const size = encoder.frame(type, 0, value) - HEADER_SIZE;
    const payload = encoder.take()[0]?.subarray(HEADER_SIZE) ?? Buffer.alloc(0);
    if (size > this.keeper.streamBytes) {
      // The result of a plain action: the readers that wait get it, and none that comes later.
      for (const reader of [...this.readers]) {
        reader.connection.sendEncoded(type, reader.id, payload, 0, size);
        this.delivered = true;
        this.left(reader);
      }
      this.end(tooLarge);
      return;
    }
    const kept = Buffer.from(payload);
    this.end((reader) => reader.connection.sendEncoded(type, reader.id, kept, 0, size));
  }

  sendChunk(_id: RequestId, data: unknown): number {
    if (this.over) return 0;
    this.keep(data);
    let open = this.readers.size === 0;
    for (const reader of this.readers) {
      this.pump(reader);
      open ||= reader.open;
    }
    this.buffer.trim(this.keeper.streamBytes);
    this.settleBytes();
    if (open || this.readers.size === 0) return 0;
    this.paused = true;
    return WINDOW;
  }

  sendError(_id: RequestId, error: unknown, details?: ErrorDetails): void {
    this.end((reader) => reader.connection.sendError(reader.id, error, details));
  }

  flush(): void {
    for (const { connection } of this.readers) connection.flush();
  }

  ready(reader: StreamReader): void {
    this.pump(reader);
    if (reader.open) this.proceed();
  }

  left(reader: StreamReader): void {
    const counted = this.readers.delete(reader);
    // One that still read when the stream was dropped is let go of too.
    reader.done();
    if (counted) this.countReaders();
  }

  private keep(value: unknown): void {
    encoder.chunk(MSG.CHUNK, 0, value);
    const [frame] = encoder.take();
    if (frame !== undefined) this.buffer.append(frame, HEADER_SIZE);
  }

  private settleBytes(): void {
    const before = this.bytes;
    this.bytes = this.base + this.buffer.bytes;
    if (this.bytes !== before) this.keeper.grew(this, this.bytes - before);
  }

  private admit(connection: Connection, id: RequestId, next: number, done: () => void): StreamReader {
    const reader = new StreamReader(this, connection, id, next, done);
    this.readers.add(reader);
    this.countReaders();
    return reader;
  }

  /** @returns the number of the chunk that the reader gets first. */
  private introduce(connection: Connection, id: RequestId, { after, prefix }: Attach): number {
    const attached: Attached = { ...this.about, continues: false };
    if (this.run !== undefined) attached.ms_left = Math.max(0, this.run.deadline - monotonicMs());
    if (this.called !== undefined && !(prefix && connection.backlog >= MAX_PREFIX_BACKLOG)) {
      try {
        const whole: Attached = { ...attached, ...this.called, continues: true };
        // A reader that is ahead can only continue the run with all that came before its place.
        const next = prefix ? Math.min(after, this.buffer.end) : after;
        if (prefix) whole.emitted = this.prefix(next);
        connection.send(STREAM_MSG.ATTACHED, id, whole);
        return next;
      } catch {
        // Its beginning is not kept, or does not fit into a message: it can be read, and not continued elsewhere.
      }
    }
    connection.send(STREAM_MSG.ATTACHED, id, attached);
    return after;
  }

  private prefix(count: number): unknown[] {
    return Array.from({ length: count }, (_, index) => {
      const chunk = this.buffer.at(index);
      if (chunk === undefined) throw new DirtyStreamGoneError("The beginning of the stream is not kept.");
      return readChunk(chunk.memory, chunk.start, chunk.end);
    });
  }

  private pump(reader: StreamReader): void {
    try {
      if (!reader.pump(this.buffer) || this.ending === undefined) return;
      this.delivered = true;
      this.ending(reader);
    } catch (error) {
      reader.connection.sendError(reader.id, error);
    }
    this.left(reader);
  }

  private end(ending: (reader: StreamReader) => void): void {
    if (this.ending !== undefined || this.over) return;
    this.ending = ending;
    for (const reader of [...this.readers]) this.pump(reader);
    this.countReaders();
    this.keeper.ended(this);
  }

  private countReaders(): void {
    clearTimeout(this.grace);
    if (this.readers.size === 0 && !this.unwanted && !this.over) {
      const { graceMs } = this.keeper;
      const ms = this.delivered ? Math.min(graceMs, DELIVERED_MS) : graceMs;
      this.grace = setTimeout(ResumableStream.expire, ms, this);
    }
    // Without a reader the run goes on, and one that has just come has not been given a window's worth.
    this.proceed();
    this.keeper.changed();
  }

  private static expire(stream: ResumableStream): void {
    if (stream.ending !== undefined) {
      stream.unwanted = true;
      stream.keeper.changed();
      return;
    }
    const { run } = stream;
    stream.drop();
    run?.abort(new DirtyWorkerError("No reader came back for the stream."));
  }

  private proceed(): void {
    if (!this.paused) return;
    this.paused = false;
    this.run?.grant(WINDOW);
  }
}

/** Bytes that a value takes on the wire: about what it takes in memory. */
function sizeOf(value: unknown): number {
  const size = encoder.frame(MSG.RUN, 0, value);
  encoder.take();
  return size;
}

function tooLarge({ connection, id }: StreamReader): void {
  connection.sendError(id, new DirtyStreamGoneError("The result is too large to be kept."));
}
