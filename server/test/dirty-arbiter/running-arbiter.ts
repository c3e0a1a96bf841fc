/** A dirty arbiter in this process, whose clients and workers a test plays by hand, over real sockets. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListeningSocket } from "../../src/arbiter/listening-socket.ts";
import { DirtyArbiter, type DirtyArbiterOptions } from "../../src/dirty-arbiter/dirty-arbiter.ts";
import { Stash } from "../../src/dirty-arbiter/stash.ts";
import { monotonicMs } from "../../src/process/clock.ts";
import { getLogger } from "../../src/process/logger.ts";
import { MSG, type ReadyApp, type Role } from "../../src/protocol/messages.ts";
import { until, WirePeer } from "../dirty/wire-peer.ts";

/** What proves to it that the arbiter started a peer. */
export const TOKEN = "the token";
/** Its epoch. */
export const EPOCH = 8;

/** The dirty arbiter under test. */
export class RunningArbiter {
  readonly path: string;
  readonly arbiter: DirtyArbiter;
  readonly killed: number[] = [];
  /** What it asked the arbiter for: how many workers more, in each message. */
  readonly scaled: number[] = [];
  /** Why the arbiter refuses that. */
  refusal: string | null = null;
  private readonly folder: string;
  private readonly listening: ListeningSocket;
  private lastId = 0;

  private constructor(folder: string, listening: ListeningSocket, options: Partial<DirtyArbiterOptions>) {
    this.folder = folder;
    this.path = join(folder, "a");
    this.listening = listening;
    this.arbiter = new DirtyArbiter({
      fd: listening.fd,
      backlog: 128,
      path: this.path,
      token: TOKEN,
      id: EPOCH,
      apps: ["app:App", "app:Other"],
      httpWorkers: [],
      dirtyWorkers: [],
      queueSize: 100,
      queueTimeout: 30,
      abortGrace: 2,
      timeout: 30,
      streamGrace: 30,
      migrationLimit: 3,
      stash: new Stash(join(folder, "stash.log")),
      registered: () => {},
      kill: (worker) => this.killed.push(worker),
      scale: async (by) => {
        this.scaled.push(by);
        return { target: 2 + by, refused: this.refusal };
      },
      ...options,
    });
  }

  static async open(options: Partial<DirtyArbiterOptions> = {}): Promise<RunningArbiter> {
    // What these tests provoke fills pages of log.
    getLogger().level = "silent";
    const folder = mkdtempSync(join(tmpdir(), "ts-"));
    const listening = await ListeningSocket.bindPath(join(folder, "a"));
    const running = new RunningArbiter(folder, listening, options);
    await running.arbiter.open();
    return running;
  }

  /** A path of its folder, for a worker's socket. */
  pathOf(name: string): string {
    return join(this.folder, name);
  }

  /** A connection that has said nothing. */
  stranger(): Promise<WirePeer> {
    return WirePeer.to(this.path);
  }

  /** A peer that said HELLO, and was welcomed. */
  async peer(role: Role, id = ++this.lastId): Promise<WirePeer> {
    const peer = await this.stranger();
    peer.send([MSG.HELLO, 0, { token: TOKEN, role, id, pid: process.pid }]);
    await peer.next(MSG.WELCOME);
    return peer;
  }

  /** A worker that is ready with its apps. */
  async worker(
    id: number,
    apps: Record<string, number> = { "app:App": 1 },
    running: { slot: number; app: string; ms_left: number }[] = [],
  ): Promise<WirePeer> {
    const peer = await this.peer("dirty-worker", id);
    sendReady(peer, `/socket/${id}`, apps, running);
    return peer;
  }

  close(): void {
    this.arbiter.close();
    this.listening.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Says what a worker runs. */
export function sendReady(
  peer: WirePeer,
  socket: string,
  apps: Record<string, number>,
  running: { slot: number; app: string; ms_left: number }[] = [],
): void {
  const list: ReadyApp[] = Object.entries(apps).map(([app, concurrency]) => ({
    app,
    concurrency,
    continues: [],
  }));
  peer.send([MSG.READY, 0, { socket, apps: list, running }]);
}

/** Asks for a slot. */
export function place(peer: WirePeer, id: number, request: Record<string, unknown> = {}): void {
  peer.send([
    MSG.PLACE,
    id,
    { app: "app:App", action: "run", timeout: 10_000, arrival: monotonicMs(), ...request },
  ]);
}

/** The slot that a request was given. */
export async function slotOf(peer: WirePeer, id: number): Promise<number> {
  let slot: unknown;
  await until(
    () => `request ${id} has a slot`,
    () => {
      slot = peer.all(MSG.PLACED).find((frame) => frame.id === id)?.dict["slot"];
      return slot !== undefined;
    },
  );
  return Number(slot);
}
