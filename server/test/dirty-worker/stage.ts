/**
 * A dirty worker in this process, for what a test must see of its inside. Its clients and its dirty arbiter are played
 * by hand, over real sockets. What holds for every kind of worker is in worker-contract/.
 */
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
import { type SlotSource, WorkerClient } from "../worker-contract/client.ts";

const TOKEN = "the token";
const EPOCH = 5;

/** The worker under test. */
export class Stage implements SlotSource {
  readonly worker: DirtyWorker;
  /** The dirty arbiter's end of the worker's registration. */
  readonly arbiter: WirePeer;
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
    const arbiter = await listener.peer();
    await arbiter.next(MSG.HELLO);
    arbiter.send([MSG.WELCOME, 0, { epoch: EPOCH }]);
    await arbiter.next(MSG.READY);
    return new Stage(folder, listener, worker, arbiter);
  }

  /** A slot that was never used. */
  newSlot(): number {
    return slotId(EPOCH, ++this.counter);
  }

  /** A client that said HELLO. */
  async client(): Promise<WorkerClient> {
    const peer = await WirePeer.to(this.socket);
    peer.send([MSG.HELLO, 0, { token: TOKEN, role: "http-worker", id: 1, pid: process.pid }]);
    return new WorkerClient(this, peer, "app:App");
  }

  /** Waits until a slot was given back. */
  async frees(slot: number): Promise<void> {
    await until(
      () => `slot ${slot} is free`,
      () => this.arbiter.all(MSG.FREE).some(({ dict }) => dict["slot"] === slot),
    );
  }

  async close(): Promise<void> {
    await this.worker.close(100);
    this.listener.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
