/** A dirty worker whose clients and dirty arbiter a test plays by hand, over real sockets. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DirtyApp } from "../../src/dirty/app.ts";
import { AppClass } from "../../src/dirty-worker/app-host.ts";
import { DirtyWorker } from "../../src/dirty-worker/dirty-worker.ts";
import type { StreamStoreOptions } from "../../src/dirty-worker/stream-store.ts";
import { getLogger } from "../../src/process/logger.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { slotId } from "../../src/protocol/slot.ts";
import { Listener } from "../dirty/stand-in.ts";
import { until, WirePeer } from "../dirty/wire-peer.ts";

const TOKEN = "the token";
/** The epoch that the worker is registered with. */
export const EPOCH = 5;

/** What a RUN is sent with. */
export interface RunOptions {
  readonly app?: string;
  readonly args?: unknown[];
  readonly kwargs?: Record<string, unknown>;
  readonly slot?: number;
  readonly ms?: number;
  readonly requestId?: string;
}

/** A client of the worker. */
export class StageClient {
  readonly peer: WirePeer;
  private readonly stage: Stage;
  private lastId = 0;

  constructor(stage: Stage, peer: WirePeer) {
    this.stage = stage;
    this.peer = peer;
  }

  /** Sends a RUN. @returns its id. */
  run(action: string, options: RunOptions = {}): number {
    return this.runWithSlot(action, options).id;
  }

  /** Sends a RUN. @returns its id and slot. */
  runWithSlot(
    action: string,
    { app = "app:App", args = [], kwargs, slot, ms = 10_000, requestId = "r" }: RunOptions = {},
  ): { id: number; slot: number } {
    const id = ++this.lastId;
    const used = slot ?? this.stage.newSlot();
    const run = { slot: used, app, action, args, ms_left: ms, request_id: requestId };
    this.peer.send([MSG.RUN, id, kwargs === undefined ? run : { ...run, kwargs }]);
    return { id, slot: used };
  }

  /** Frames that came for a run so far. */
  of(id: number) {
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
      .map(({ dict }) => dict["data"]);
  }

  /** Waits for the last frame of a run: RESPONSE, END, ERROR or NACK. */
  async over(id: number) {
    const last: number[] = [MSG.RESPONSE, MSG.END, MSG.ERROR, MSG.NACK];
    let found: ReturnType<StageClient["of"]>[number] | undefined;
    await until(
      () => `run ${id} ends`,
      () => {
        found = this.of(id).find(({ type }) => last.includes(type));
        return found !== undefined;
      },
    );
    if (found === undefined) throw new Error("no frame");
    return found;
  }

  /** Waits for the first chunks of a run. */
  async has(id: number, chunks: number): Promise<void> {
    await until(
      () => `${chunks} chunks of run ${id}`,
      () => this.chunks(id).length >= chunks,
    );
  }

  /** Runs an action. @returns its result, or throws with what the ERROR says. */
  async result(action: string, ...args: unknown[]): Promise<unknown> {
    const { type, dict } = await this.over(this.run(action, { args }));
    if (type !== MSG.RESPONSE) throw new Error(JSON.stringify(dict));
    return dict["result"];
  }
}

/** The worker under test. */
export class Stage {
  readonly worker: DirtyWorker;
  /** The dirty arbiter's end of the worker's registration. */
  arbiter: WirePeer;
  readonly socket: string;
  private readonly folder: string;
  private readonly listener: Listener;
  private counter = 0;

  private constructor(folder: string, listener: Listener, worker: DirtyWorker, arbiter: WirePeer) {
    this.folder = folder;
    this.socket = join(folder, "w");
    this.listener = listener;
    this.worker = worker;
    this.arbiter = arbiter;
  }

  /** Loads apps, as app:App and so on, in a worker, and registers it. */
  static async open(
    apps: Record<string, new () => DirtyApp>,
    streams: StreamStoreOptions = { graceMs: 30_000 },
  ): Promise<Stage> {
    // What these tests provoke fills pages of log.
    getLogger().level = "silent";
    const folder = mkdtempSync(join(tmpdir(), "ts-"));
    const listener = await new Listener(join(folder, "a")).open();
    const hosts = await Promise.all(
      Object.entries(apps).map(([name, type]) => new AppClass(name, type, undefined).load()),
    );
    const worker = new DirtyWorker({
      socket: join(folder, "w"),
      dirtySocket: listener.path,
      hello: { token: TOKEN, role: "dirty-worker", id: 1, pid: process.pid },
      hosts,
      streams,
    });
    await worker.open();
    const stage = new Stage(folder, listener, worker, await listener.peer());
    await stage.welcome();
    return stage;
  }

  /** A slot that was never used. */
  newSlot(epoch = EPOCH): number {
    return slotId(epoch, ++this.counter);
  }

  /** A client that said HELLO. */
  async client(): Promise<StageClient> {
    const peer = await this.stranger();
    peer.send([MSG.HELLO, 0, { token: TOKEN, role: "http-worker", id: 1, pid: process.pid }]);
    return new StageClient(this, peer);
  }

  /** A connection that has said nothing. */
  stranger(): Promise<WirePeer> {
    return WirePeer.to(this.socket);
  }

  /** Slots that the worker gave back so far. */
  get freed(): unknown[] {
    return this.arbiter.all(MSG.FREE).map(({ dict }) => dict["slot"]);
  }

  /** Waits until a slot was given back. */
  async frees(slot: number, ms?: number): Promise<void> {
    await until(
      () => `slot ${slot} is free`,
      () => this.freed.includes(slot),
      ms,
    );
  }

  /** The connection to the dirty arbiter breaks, and the worker finds a new one, of an epoch. */
  async newArbiter(epoch: number): Promise<void> {
    this.arbiter.destroy();
    this.arbiter = await this.listener.peer();
    await this.welcome(epoch);
  }

  private async welcome(epoch = EPOCH): Promise<void> {
    await this.arbiter.next(MSG.HELLO);
    this.arbiter.send([MSG.WELCOME, 0, { epoch }]);
    await this.arbiter.next(MSG.READY);
  }

  async close(): Promise<void> {
    await this.worker.close(100);
    this.listener.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
