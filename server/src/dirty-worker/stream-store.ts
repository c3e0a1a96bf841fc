import type { KeptStream, Run as RunMessage } from "../protocol/messages.ts";
import type { Forget } from "../protocol/stream-messages.ts";
import { ResumableStream, type StreamKeeper } from "./resumable-stream.ts";

/** Bytes that the chunks of one stream may take. */
const STREAM_BYTES = 4 * 1024 * 1024;
/** Bytes that all streams of a worker may take. */
const TOTAL_BYTES = 256 * 1024 * 1024;
/** ms that a stream is kept after its end. */
const RETENTION_MS = 300_000;
// A reader that was sent here may be faster than the RUN of the client that got the slot. By then an unused slot is
// taken back.
const EXPECTED_MS = 2500;
const MAX_EXPECTING = 4096;
/** Slots of streams that are remembered when those are gone, so that no reader waits for them. */
const MAX_REMEMBERED = 4096;

/** Limits of the store; what is left out has the values above. */
export interface StreamStoreOptions {
  /** ms that a run goes on without a reader. */
  graceMs: number;
  streamBytes?: number;
  totalBytes?: number;
  retentionMs?: number;
}

/** What the worker is told. */
export interface StreamStoreEvents {
  /** A stream is not kept any more. */
  forgotten(forget: Forget): void;
  /** Fewer streams may be wanted than before. */
  changed(): void;
}

interface Expecting {
  slot: number;
  settle(stream: ResumableStream | undefined): void;
  timer: NodeJS.Timeout;
}

/**
 * The resumable streams of a worker: those that run, and those that have ended and are kept for readers that come back.
 * All of them together are bounded; what ended first goes first.
 */
export class StreamStore implements StreamKeeper {
  readonly graceMs: number;
  readonly streamBytes: number;
  private readonly totalBytes: number;
  private readonly retentionMs: number;
  private readonly events: StreamStoreEvents;
  private readonly streams = new Map<number, ResumableStream>();
  private readonly expiries = new Map<ResumableStream, NodeJS.Timeout>();
  private readonly expecting = new Set<Expecting>();
  private readonly past = new Set<number>();
  private bytes = 0;

  constructor(options: StreamStoreOptions, events: StreamStoreEvents) {
    this.graceMs = options.graceMs;
    this.streamBytes = options.streamBytes ?? STREAM_BYTES;
    this.totalBytes = options.totalBytes ?? TOTAL_BYTES;
    this.retentionMs = options.retentionMs ?? RETENTION_MS;
    this.events = events;
  }

  /** Whether a worker that drains waits for a stream that has ended or ends. */
  get wanted(): boolean {
    for (const stream of this.streams.values()) if (stream.wanted) return true;
    return false;
  }

  /** Bytes that all streams take. */
  get size(): number {
    return this.bytes;
  }

  /** Whether a slot's run is a stream that is kept. */
  has(slot: number): boolean {
    return this.streams.has(slot);
  }

  /** Makes the stream of a run; readers that came before it are let in once the run has begun. */
  create(message: RunMessage, id: string, continues: boolean): ResumableStream {
    const stream = new ResumableStream(this, message, id, continues);
    this.streams.set(stream.slot, stream);
    this.bytes += stream.bytes;
    this.shrink(stream);
    return stream;
  }

  /** Lets those in that asked for a stream before its run was here. */
  welcome(stream: ResumableStream): void {
    for (const waiting of [...this.expecting]) {
      // It may be over, and gone, before anybody is let in.
      if (waiting.slot === stream.slot) this.settle(waiting, this.streams.get(stream.slot));
    }
  }

  /**
   * Gives the stream of a run, waiting a little for a RUN that is on its way; undefined: this worker has none.
   * @returns gives up waiting.
   */
  find(slot: number, id: string, settle: (stream: ResumableStream | undefined) => void): () => void {
    const stream = this.streams.get(slot);
    if (stream !== undefined || this.past.has(slot) || this.expecting.size >= MAX_EXPECTING) {
      settle(stream?.id === id ? stream : undefined);
      return () => {};
    }
    const waiting: Expecting = {
      slot,
      settle: (found) => settle(found?.id === id ? found : undefined),
      timer: setTimeout(() => this.settle(waiting, undefined), EXPECTED_MS),
    };
    this.expecting.add(waiting);
    return () => {
      clearTimeout(waiting.timer);
      this.expecting.delete(waiting);
    };
  }

  /** All that is kept, for the dirty arbiter. */
  kept(): KeptStream[] {
    return [...this.streams.values()].map(({ id, slot }) => ({ stream: id, slot }));
  }

  grew(stream: ResumableStream, bytes: number): void {
    if (!this.streams.has(stream.slot)) return;
    this.bytes += bytes;
    if (bytes > 0) this.shrink(stream);
  }

  ended(stream: ResumableStream): void {
    if (!this.streams.has(stream.slot)) return;
    this.expiries.set(
      stream,
      setTimeout(() => stream.drop(), this.retentionMs),
    );
    this.events.changed();
  }

  dropped(stream: ResumableStream, gone: boolean): void {
    clearTimeout(this.expiries.get(stream));
    this.expiries.delete(stream);
    if (!this.streams.delete(stream.slot)) return;
    this.bytes -= stream.bytes;
    this.remember(stream.slot);
    const kept: KeptStream = { stream: stream.id, slot: stream.slot };
    this.events.forgotten(gone ? { ...kept, gone } : kept);
    this.events.changed();
  }

  changed(): void {
    this.events.changed();
  }

  /** Drops everything: the worker stops. */
  close(): void {
    for (const waiting of [...this.expecting]) this.settle(waiting, undefined);
    for (const stream of [...this.streams.values()]) stream.drop(true);
  }

  private settle(waiting: Expecting, stream: ResumableStream | undefined): void {
    clearTimeout(waiting.timer);
    if (this.expecting.delete(waiting)) waiting.settle(stream);
  }

  private remember(slot: number): void {
    this.past.add(slot);
    if (this.past.size <= MAX_REMEMBERED) return;
    for (const oldest of this.past) {
      this.past.delete(oldest);
      return;
    }
  }

  /** Makes room: streams that ended go, the oldest first; then what grows gives up its own beginning. */
  private shrink(growing: ResumableStream): void {
    for (const ended of this.expiries.keys()) {
      if (this.bytes <= this.totalBytes) return;
      ended.drop();
    }
    if (this.bytes > this.totalBytes) growing.shrink(this.bytes - this.totalBytes);
  }
}
