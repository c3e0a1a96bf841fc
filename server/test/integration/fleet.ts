/**
 * A dirty arbiter and dirty workers in processes of their own, started from their entries by a test that plays
 * the arbiter: it knows the token, and can speak to each of them as any of the others would.
 */
import { join } from "node:path";
import { ListeningSocket } from "../../src/arbiter/listening-socket.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Settings } from "../../src/config/settings.ts";
import { ClientHost, DirtyClient } from "../../src/dirty/client.ts";
import type { Boot, Kind } from "../../src/process/channel.ts";
import { monotonicMs } from "../../src/process/clock.ts";
import { type Hello, MSG, type Role } from "../../src/protocol/messages.ts";
import { WirePeer } from "../dirty/wire-peer.ts";
import { sendReady } from "../dirty-arbiter/running-arbiter.ts";
import { FleetProcess } from "./fleet-process.ts";
import { eventually, isAlive, removeFolder, temporaryFolder } from "./harness.ts";

const TOKEN = "a token that only this fleet knows";
const FIRST_FD = 4;
const YES = "export default (request, response) => response.end('yes');";

/** How a fleet is started. */
export interface FleetOptions {
  /** Source of app.mjs; what it exports as App is run. */
  readonly app: string;
  /** Source of main.mjs, for HTTP workers that a test starts. Default: an app that says yes. */
  readonly main?: string;
  readonly workers?: number;
  /** Flags of the command, such as `--dirty-timeout 1`. */
  readonly flags?: string[];
  /** What the app finds in its environment. */
  readonly env?: NodeJS.ProcessEnv;
}

/** The fleet. */
export class Fleet {
  readonly folder: string;
  readonly path: string;
  readonly workers: FleetProcess[] = [];
  readonly client: DirtyClient;
  arbiter: FleetProcess;
  private readonly settings: Settings;
  private readonly env: NodeJS.ProcessEnv;
  private readonly listening: ListeningSocket;
  private readonly host: ClientHost;
  private readonly hosts: ClientHost[] = [];
  private readonly peers: WirePeer[] = [];
  private lastId = 10;

  private constructor(
    folder: string,
    settings: Settings,
    env: NodeJS.ProcessEnv,
    listening: ListeningSocket,
  ) {
    this.folder = folder;
    this.path = join(folder, "d.sock");
    this.settings = settings;
    this.env = env;
    this.listening = listening;
    this.arbiter = this.startArbiter([]);
    this.host = this.newHost(1);
    this.client = new DirtyClient(this.host);
  }

  /** The client of another HTTP worker; `die` ends it as death would. */
  anotherClient(): { client: DirtyClient; die: () => void } {
    const host = this.newHost(++this.lastId);
    host.open();
    this.hosts.push(host);
    return { client: new DirtyClient(host), die: () => host.close() };
  }

  /** Starts it, and waits until every worker is ready. */
  static async open({ app, main = YES, workers = 1, flags = [], env = {} }: FleetOptions): Promise<Fleet> {
    const folder = temporaryFolder({ "app.mjs": app, "main.mjs": main });
    const argv = ["main.mjs", "--dirty-app", "./app.mjs:App", "--log-level", "error", ...flags];
    const { settings } = await loadConfig(argv, {}, folder);
    const listening = await ListeningSocket.bindPath(join(folder, "d.sock"), { mode: 0o600 });
    const fleet = new Fleet(folder, settings, env, listening);
    await fleet.arbiter.says("ready");
    fleet.host.open();
    await Promise.all(Array.from({ length: workers }, () => fleet.startWorker()));
    await fleet.sees(workers);
    return fleet;
  }

  /** Starts a worker, and waits until it is ready. */
  async startWorker(): Promise<FleetProcess> {
    const worker = this.start("dirty-worker", this.boot("dirty-worker"), []);
    this.workers.push(worker);
    worker.process.on("exit", () => this.arbiter.tell({ type: "workerGone", worker: worker.id }));
    await worker.says("loaded");
    worker.tell({ type: "assign", apps: ["app:App"], env: {} });
    await worker.says("ready");
    return worker;
  }

  /** Kills the dirty arbiter, and starts another on the same socket. */
  async replaceArbiter(httpWorkers: number[] = [1]): Promise<void> {
    await this.arbiter.kill();
    this.arbiter = this.startArbiter(httpWorkers);
    await this.arbiter.says("ready");
  }

  /** Waits until the client sees a number of ready workers. */
  async sees(workers: number): Promise<void> {
    await eventually(`${workers} workers are ready`, () => this.client.status().apps[0]?.workers === workers);
  }

  /** Where a worker listens. */
  socketOf(worker: FleetProcess | undefined): string {
    return join(this.folder, `w${worker?.id}.sock`);
  }

  /** A connection that has said nothing. */
  async stranger(path: string): Promise<WirePeer> {
    const peer = await WirePeer.to(path);
    this.peers.push(peer);
    return peer;
  }

  /** A connection that said HELLO with the token. */
  async friend(path: string, role: Role = "http-worker", id: number = ++this.lastId): Promise<WirePeer> {
    const peer = await this.stranger(path);
    peer.send([MSG.HELLO, 0, this.hello(role, id)]);
    return peer;
  }

  /** A worker that a test plays: it is registered, and says that it lives. */
  async fakeWorker(socket: string, concurrency = 1): Promise<{ id: number; peer: WirePeer; stop(): void }> {
    const id = ++this.lastId;
    const peer = await this.friend(this.path, "dirty-worker", id);
    await peer.next(MSG.WELCOME);
    sendReady(peer, socket, { "app:App": concurrency });
    const beating = setInterval(() => peer.send([MSG.HEARTBEAT, 0, { started: [] }]), 250);
    return {
      id,
      peer,
      stop: () => {
        clearInterval(beating);
        peer.destroy();
        this.arbiter.tell({ type: "workerGone", worker: id });
      },
    };
  }

  /** HELLO of a peer. */
  hello(role: Role, id: number): Hello {
    return { token: TOKEN, role, id, pid: process.pid };
  }

  /** Closes the connections of the clients, which stand in for HTTP workers. */
  closeClients(): void {
    for (const host of [this.host, ...this.hosts]) host.close();
  }

  async close(): Promise<void> {
    this.closeClients();
    for (const peer of this.peers) peer.destroy();
    await Promise.all([this.arbiter, ...this.workers].map((one) => one.kill()));
    this.listening.close();
    removeFolder(this.folder);
  }

  private newHost(id: number): ClientHost {
    const { dirtyTimeout, dirtyQueueTimeout, migrationLimit, streamGrace } = this.settings;
    return new ClientHost({
      socket: this.path,
      hello: this.hello("http-worker", id),
      dirtyTimeout,
      dirtyQueueTimeout,
      migrationLimit,
      streamGrace,
    });
  }

  private startArbiter(httpWorkers: number[]): FleetProcess {
    const boot = this.boot("dirty-arbiter");
    boot.httpWorkers = httpWorkers;
    boot.dirtyWorkers = this.workers.filter(({ pid }) => isAlive(pid)).map(({ id }) => id);
    boot.listeners = [{ fd: FIRST_FD, bind: this.path }];
    return this.start("dirty-arbiter", boot, [this.listening.fd]);
  }

  /** Starts a process of any kind, which goes with the fleet, and waits for nothing. */
  startAlone(kind: Kind, socket?: ListeningSocket): FleetProcess {
    const boot = this.boot(kind);
    if (socket !== undefined) boot.listeners = [{ fd: FIRST_FD, bind: socket.address }];
    const started = this.start(kind, boot, socket === undefined ? [] : [socket.fd]);
    this.workers.push(started);
    return started;
  }

  private start(kind: Kind, boot: Boot, fds: number[]): FleetProcess {
    return new FleetProcess(kind, boot, fds, { cwd: this.folder, env: this.env });
  }

  private boot(kind: Kind): Boot {
    return {
      kind,
      id: ++this.lastId,
      settings: this.settings,
      token: TOKEN,
      folder: this.folder,
      dirtySocket: this.path,
      listeners: [],
      apps: ["app:App"],
      httpWorkers: [],
      dirtyWorkers: [],
      socketFiles: [],
    };
  }
}

/** Asks the dirty arbiter for a slot. */
export function place(peer: WirePeer, id: number, request: Record<string, unknown> = {}): void {
  const usual = { app: "app:App", action: "add", timeout: 10_000, arrival: monotonicMs() };
  peer.send([MSG.PLACE, id, { ...usual, ...request }]);
}

/** Uses a slot. */
export function run(peer: WirePeer, id: number, slot: number, action: string, args: unknown[] = []): void {
  peer.send([MSG.RUN, id, { slot, app: "app:App", action, args, ms_left: 10_000, request_id: `raw-${id}` }]);
}
