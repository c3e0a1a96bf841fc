/** A client of a dirty worker, as an HTTP worker is one, which a test plays by hand. */
import { MSG } from "../../src/protocol/messages.ts";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { STREAM_MSG } from "../../src/protocol/stream-messages.ts";
import { type Frame, until, type WirePeer } from "../dirty/wire-peer.ts";

/** What a RUN is sent with. */
export interface RunOptions {
  readonly app?: string;
  readonly args?: unknown[];
  readonly kwargs?: Record<string, unknown>;
  readonly emitted?: unknown[];
  readonly slot?: number;
  readonly ms?: number;
  readonly requestId?: string;
}

/** A run that was asked for. */
export interface Asked {
  readonly id: number;
  readonly slot: number;
}

/** A resumable run that was asked for. */
export interface AskedStream extends Asked {
  readonly stream: string;
}

/** What the frames of a run say, once it is over. */
export interface Outcome {
  readonly type: number;
  readonly types: number[];
  readonly chunks: unknown[];
  readonly result: unknown;
  readonly error: { error_type?: string; message?: string; details?: Record<string, unknown> };
}

/** Grants slots. */
export interface SlotSource {
  newSlot(): number;
}

const ENDS: readonly number[] = [MSG.RESPONSE, MSG.END, MSG.ERROR, MSG.NACK];
const BEGINNING: readonly number[] = [MSG.STARTED, STREAM_MSG.ATTACHED];

/** The client. */
export class WorkerClient {
  readonly peer: WirePeer;
  private readonly slots: SlotSource;
  /** The app that its runs are for. */
  private readonly app: string;
  private lastId = 0;

  constructor(slots: SlotSource, peer: WirePeer, app: string) {
    this.slots = slots;
    this.peer = peer;
    this.app = app;
  }

  /** Sends a RUN. */
  run(action: string, options: RunOptions = {}): Asked {
    const { slot, ...message } = this.message(action, options);
    const id = ++this.lastId;
    this.peer.send([MSG.RUN, id, { slot, ...message }]);
    return { id, slot };
  }

  /** Sends a RUN of a resumable stream. */
  begin(action: string, args: unknown[] = [], options: RunOptions = {}): AskedStream {
    const { slot, ...message } = this.message(action, { args, ...options });
    const [id, stream] = [++this.lastId, createStreamId()];
    this.peer.send([MSG.RUN, id, { slot, ...message, stream }]);
    return { id, slot, stream };
  }

  /** What a RUN says. */
  message(
    action: string,
    { app = this.app, args = [], kwargs, emitted, slot, ms = 60_000, requestId = "r" }: RunOptions = {},
  ) {
    return {
      ...{ slot: slot ?? this.slots.newSlot(), app, action, args, ms_left: ms, request_id: requestId },
      ...(kwargs === undefined ? {} : { kwargs }),
      ...(emitted === undefined ? {} : { emitted }),
    };
  }

  /** Sends an ATTACH. @returns its id. */
  attach({ slot, stream }: Omit<AskedStream, "id">, after = 0, prefix = false): number {
    const id = ++this.lastId;
    this.peer.send([STREAM_MSG.ATTACH, id, { stream, slot, after, prefix }]);
    return id;
  }

  /** Ends a stream by its name. */
  async endStream({ slot, stream }: Omit<AskedStream, "id">): Promise<Outcome> {
    const id = ++this.lastId;
    this.peer.send([STREAM_MSG.END_STREAM, id, { stream, slot }]);
    return this.over(id);
  }

  /** Does not want a run, or to read a stream, any more. */
  cancel(id: number): void {
    this.peer.send([MSG.CANCEL, id]);
  }

  /** Takes more of a stream, in bytes. */
  grant(id: number, bytes: number): void {
    this.peer.send([MSG.CREDIT, id, { bytes }]);
  }

  /** Frames that came for a run so far. */
  of(id: number): Frame[] {
    return this.peer.frames.filter((frame) => frame.id === id);
  }

  /** Types of the frames that came for a run so far. */
  types(id: number): number[] {
    return this.of(id).map(({ type }) => type);
  }

  /** The chunks of a run so far. */
  chunks(id: number): unknown[] {
    return this.of(id)
      .filter(({ type }) => type === MSG.CHUNK)
      .map(({ dict }) => dict["data"] ?? null);
  }

  /** Waits for the last frame of a run: RESPONSE, END, ERROR or NACK. */
  async over(id: number): Promise<Outcome> {
    const last = await this.waitFor(id, "its end", ({ type }) => ENDS.includes(type));
    const { result = null, error = {} } = last.dict;
    const told = error as Outcome["error"];
    return { type: last.type, types: this.types(id), chunks: this.chunks(id), result, error: told };
  }

  /** Runs an action to its end. */
  async outcome(action: string, options: RunOptions = {}): Promise<Outcome> {
    return this.over(this.run(action, options).id);
  }

  /** Reads a stream to its end as a fast reader does: all that comes is granted again. */
  async readAll(id: number, bytes: number): Promise<Outcome> {
    let seen = 0;
    for (;;) {
      const chunks = this.chunks(id).length;
      if (chunks > seen) this.grant(id, (chunks - seen) * bytes);
      seen = chunks;
      if (this.of(id).some(({ type }) => ENDS.includes(type))) return this.over(id);
      await until(
        () => `more of run ${id}`,
        () => this.of(id).length > seen + this.types(id).filter((type) => BEGINNING.includes(type)).length,
      );
    }
  }

  /** Waits until the run has begun. */
  async started(id: number): Promise<void> {
    await this.waitFor(id, "STARTED", ({ type }) => type === MSG.STARTED);
  }

  /** Waits for ATTACHED. @returns what it says. */
  async attached(id: number): Promise<Frame["dict"]> {
    return (await this.waitFor(id, "ATTACHED", ({ type }) => type === STREAM_MSG.ATTACHED)).dict;
  }

  /** Waits for the first chunks of a run. */
  async has(id: number, chunks: number): Promise<void> {
    await until(
      () => `${chunks} chunks of run ${id}`,
      () => this.chunks(id).length >= chunks,
    );
  }

  /** Waits until all that was sent here has been handled, and what answers it has come. */
  async heard(): Promise<void> {
    await this.outcome("echo", { app: "missing:App" });
  }

  private async waitFor(id: number, what: string, isIt: (frame: Frame) => boolean): Promise<Frame> {
    let found: Frame | undefined;
    await until(
      () => `run ${id}: ${what}`,
      () => {
        found = this.of(id).find(isIt);
        return found !== undefined;
      },
    );
    if (found === undefined) throw new Error("no frame");
    return found;
  }
}
