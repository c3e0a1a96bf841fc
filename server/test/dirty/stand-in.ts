/**
 * A dirty side that a test plays by hand: the client under test is real and so are the sockets, but the dirty
 * arbiter and the workers do what the test says.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClientHost, setUpDirtyClient } from "../../src/dirty/client.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { until, WirePeer } from "./wire-peer.ts";

/** A listening socket, and the peers that came. */
export class Listener {
  readonly path: string;
  readonly peers: WirePeer[] = [];
  private readonly server: Server;
  private given = 0;

  constructor(path: string) {
    this.path = path;
    this.server = createServer((socket) => this.peers.push(new WirePeer(socket)));
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(this.path, resolve));
    return this;
  }

  /** The oldest peer that was not given out yet, or the next one that connects. */
  async peer(): Promise<WirePeer> {
    await until(
      () => `a peer connects to ${this.path}`,
      () => this.peers.length > this.given,
    );
    const peer = this.peers[this.given++];
    if (peer === undefined) throw new Error("no peer");
    return peer;
  }

  close(): void {
    for (const peer of this.peers) peer.destroy();
    this.server.close();
  }
}

/** A RUN that came to a worker of the test's. */
export interface TakenRun {
  readonly worker: WirePeer;
  readonly id: number;
  readonly dict: Readonly<Record<string, unknown>>;
  started(): void;
  chunks(...values: unknown[]): void;
  returns(result: unknown): void;
  ends(): void;
}

/** Limits of the client. */
export interface StandInOptions {
  /** Seconds. */
  readonly timeout?: number;
  /** Seconds. */
  readonly queueTimeout?: number;
}

/** The whole of it. */
export class StandIn {
  readonly host: ClientHost;
  readonly listeners: Listener[] = [];
  private readonly folder: string;
  private arbiterPeer: WirePeer | undefined;
  private lastSlot = 0;
  private lastWorker = 0;

  private constructor(folder: string, { timeout = 10, queueTimeout = 10 }: StandInOptions) {
    this.folder = folder;
    this.host = setUpDirtyClient({
      socket: join(folder, "a"),
      hello: { token: "t", role: "http-worker", id: 1, pid: process.pid },
      dirtyTimeout: timeout,
      dirtyQueueTimeout: queueTimeout,
    });
  }

  /** Opens the dirty arbiter's socket, and connects this process's client to it. */
  static async open(options: StandInOptions = {}): Promise<StandIn> {
    const standIn = new StandIn(mkdtempSync(join(tmpdir(), "ts-")), options);
    await standIn.listen("a");
    standIn.host.open();
    return standIn;
  }

  /** A socket of its folder, listening. */
  async listen(name: string): Promise<Listener> {
    const listener = await new Listener(this.pathOf(name)).open();
    this.listeners.push(listener);
    return listener;
  }

  pathOf(name: string): string {
    return join(this.folder, name);
  }

  /** The client's connection to the dirty arbiter. */
  async arbiter(): Promise<WirePeer> {
    if (this.arbiterPeer === undefined) {
      this.arbiterPeer = await this.listeners[0]?.peer();
      this.arbiterPeer?.send([MSG.WELCOME, 0, { epoch: 1 }]);
    }
    if (this.arbiterPeer === undefined) throw new Error("no listener");
    return this.arbiterPeer;
  }

  /** Forgets the client's connection: the next one is a new dirty arbiter's. */
  async replaceArbiter(): Promise<WirePeer> {
    (await this.arbiter()).destroy();
    this.arbiterPeer = undefined;
    return this.arbiter();
  }

  /** Grants the next request that comes a slot of the worker at a path, a new one each time. @returns the PLACE. */
  async grant(
    path: string,
    worker = ++this.lastWorker,
  ): Promise<{ id: number; dict: Readonly<Record<string, unknown>>; slot: number }> {
    const arbiter = await this.arbiter();
    const { id, dict } = await arbiter.next(MSG.PLACE);
    const slot = ++this.lastSlot;
    arbiter.send([MSG.PLACED, id, { slot, worker, socket: path, continues: false }]);
    return { id: Number(id), dict, slot };
  }

  /** Serves the next request in a worker of the test's: grants it a slot, and takes its RUN. */
  async take(worker: Listener): Promise<TakenRun> {
    await this.grant(worker.path);
    await until(
      () => "the client connects to the worker",
      () => worker.peers.some((one) => !one.closed),
    );
    const peer = worker.peers.findLast((one) => !one.closed);
    if (peer === undefined) throw new Error("no peer");
    const { id, dict } = await peer.next(MSG.RUN);
    const run = Number(id);
    return {
      worker: peer,
      id: run,
      dict,
      started: () => peer.send([MSG.STARTED, run]),
      chunks: (...values) =>
        peer.send(...values.map((data): [number, number, unknown] => [MSG.CHUNK, run, { data }])),
      returns: (result) => peer.send([MSG.RESPONSE, run, { result }]),
      ends: () => peer.send([MSG.END, run]),
    };
  }

  close(): void {
    this.host.close();
    for (const listener of this.listeners) listener.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
