/**
 * A dirty worker under test: a real process, started and driven as the arbiter does it. Its dirty arbiter and its
 * clients are played by the test, over real sockets. Of the worker itself a test knows nothing else.
 */
import { once } from "node:events";
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAppSpec } from "../../src/config/app-spec.ts";
import { loadConfig } from "../../src/config/load.ts";
import { type Hello, MSG, type Role } from "../../src/protocol/messages.ts";
import { slotId } from "../../src/protocol/slot.ts";
import { STREAM_MSG } from "../../src/protocol/stream-messages.ts";
import { Listener } from "../dirty/stand-in.ts";
import { type Frame, until, WirePeer } from "../dirty/wire-peer.ts";
import { FleetProcess } from "../integration/fleet-process.ts";
import { eventually, removeFolder, temporaryFolder } from "../integration/harness.ts";
import { WorkerClient } from "./client.ts";
import type { WorkerKind } from "./kinds.ts";

/** What each process of the server proves itself with. */
export const TOKEN = "a token that only the contract knows";
/** The worker's number. */
export const ID = 7;

/** How a worker is started. */
export interface WorkerOptions {
  /** Runs that the app takes at once. Default: 8. */
  readonly concurrency?: number;
  /** Seconds that a resumable run goes on without a reader. Default: 30. */
  readonly grace?: number;
  /** Seconds that runs get when the worker is asked to stop. Default: 30. */
  readonly gracefulTimeout?: number;
  /** Seconds that an aborted run gets to settle. Default: 2. */
  readonly abortGrace?: number;
  /** Runs after which it wants a successor. Default: no number of them. */
  readonly maxRequests?: number;
}

/** The worker. */
export class WorkerUnderTest {
  /** The app's canonical name. */
  readonly app: string;
  readonly process: FleetProcess;
  /** The worker's own socket. */
  readonly socket: string;
  /** The epoch that it is registered with. */
  epoch = 5;
  private readonly folder: string;
  private readonly listener: Listener;
  private readonly taken = new Set<WirePeer>();
  private readonly peers: WirePeer[] = [];
  private readonly slots: number[] = [];
  private registration: WirePeer | undefined;
  private counter = 0;
  private reports = 0;

  private constructor(folder: string, listener: Listener, app: string, process: FleetProcess) {
    this.folder = folder;
    this.listener = listener;
    this.app = app;
    this.process = process;
    this.socket = join(folder, `w${ID}.sock`);
  }

  /** Starts it, and registers it. */
  static async open(kind: WorkerKind, options: WorkerOptions = {}): Promise<WorkerUnderTest> {
    const { concurrency = 8, grace = 30, gracefulTimeout = 30, abortGrace = 2, maxRequests = 0 } = options;
    const source = readFileSync(new URL(kind.file, import.meta.url), "utf8");
    const folder = temporaryFolder({ [kind.file]: source, "main.mjs": "", "notes.log": "" });
    const listener = await new Listener(join(folder, "d.sock")).open();
    // What these tests provoke fills pages of log.
    const log = ["--log-level", "error", "--log-file", join(folder, "log")];
    const limits = ["--stream-grace", `${grace}`, "--dirty-abort-grace", `${abortGrace}`];
    limits.push("--dirty-graceful-timeout", `${gracefulTimeout}`, "--dirty-max-requests", `${maxRequests}`);
    const args = ["main.mjs", "--dirty-app", kind.spec, ...log, ...limits];
    const { settings } = await loadConfig(args, {}, folder);
    const app = parseAppSpec(kind.spec, folder);
    const boot = {
      ...{
        kind: "dirty-worker" as const,
        id: ID,
        settings,
        token: TOKEN,
        folder,
        dirtySocket: listener.path,
      },
      ...{ listeners: [], apps: [app.name], httpWorkers: [], dirtyWorkers: [], socketFiles: [] },
      ...(app.language === "node" ? {} : { ownApp: app }),
    };
    const env = { CONCURRENCY: String(concurrency), PYTHONDONTWRITEBYTECODE: "1" };
    const process = new FleetProcess("dirty-worker", boot, [], { cwd: folder, env });
    const worker = new WorkerUnderTest(folder, listener, app.name, process);
    try {
      await process.says("loaded");
      process.tell({ type: "assign", apps: [app.name], env: {} });
      await worker.register();
      await process.says("ready");
    } catch (error) {
      await worker.close();
      throw error;
    }
    return worker;
  }

  /** The dirty arbiter's end of the worker's registration. */
  get arbiter(): WirePeer {
    if (this.registration === undefined) throw new Error("The worker is not registered.");
    return this.registration;
  }

  /** The first frame that came on the registration. */
  get hello(): Frame["dict"] {
    return this.arbiter.frames[0]?.dict ?? {};
  }

  /** What the worker said last of itself. */
  get ready(): Frame["dict"] {
    return this.arbiter.all(MSG.READY).at(-1)?.dict ?? {};
  }

  /** A slot that was never used. */
  newSlot(epoch = this.epoch): number {
    const slot = slotId(epoch, ++this.counter);
    this.slots.push(slot);
    return slot;
  }

  /** A client that said HELLO. */
  async client(role: Role = "http-worker"): Promise<WorkerClient> {
    const peer = (await this.stranger()).speakOurs();
    peer.send([MSG.HELLO, 0, this.helloOf(role)]);
    return new WorkerClient(this, peer, this.app);
  }

  /** A connection that has said nothing. */
  async stranger(): Promise<WirePeer> {
    const peer = await WirePeer.to(this.socket);
    this.peers.push(peer);
    return peer;
  }

  /** What a peer of the worker says first. */
  helloOf(role: Role): Hello {
    return { token: TOKEN, role, id: 1, pid: process.pid };
  }

  /** The next connection of the worker to the dirty arbiter in a role. */
  async peerOf(role: Role): Promise<WirePeer> {
    const isIt = (peer: WirePeer): boolean =>
      !this.taken.has(peer) && peer.frames[0]?.type === MSG.HELLO && peer.frames[0].dict["role"] === role;
    const peer = await eventually(`the worker connects as ${role}`, () => this.listener.peers.find(isIt));
    this.taken.add(peer);
    return peer;
  }

  /** The dirty arbiter is replaced by one of the next epoch, and the worker registers there. */
  async newArbiter(): Promise<void> {
    this.arbiter.destroy();
    this.epoch++;
    await this.register();
  }

  /** Takes the next registration. */
  async register(): Promise<void> {
    this.registration = await this.peerOf("dirty-worker");
    this.registration.send([MSG.WELCOME, 0, { epoch: this.epoch }]);
    await this.registration.next(MSG.READY);
  }

  /** Takes a slot back. */
  revoke(slot: number, cancel: boolean): void {
    this.arbiter.send([MSG.REVOKE, 0, { slot, cancel }]);
  }

  /** Waits until all that the dirty arbiter said has been handled, and what answers it has come. */
  async heard(): Promise<void> {
    const slot = this.newSlot();
    this.revoke(slot, false);
    await this.frees(slot);
  }

  /** What was said of a slot that was given back: `{slot}`, and whether it was never used. */
  freesOf(slot: number): unknown[] {
    return this.arbiter
      .all(MSG.FREE)
      .map(({ dict }) => dict)
      .filter((free) => free["slot"] === slot);
  }

  /** Waits until a slot was given back. */
  async frees(slot: number): Promise<void> {
    await until(
      () => `slot ${slot} is free`,
      () => this.freesOf(slot).length > 0,
    );
  }

  /** What was said of a stream that is not kept any more. */
  forgotten(stream: string): unknown[] {
    return this.arbiter
      .all(STREAM_MSG.FORGET)
      .map(({ dict }) => dict)
      .filter((forget) => forget["stream"] === stream);
  }

  /** Waits until a stream is not kept any more. @returns what was said of it. */
  async forgets(stream: string): Promise<unknown> {
    await until(
      () => `stream ${stream} is forgotten`,
      () => this.forgotten(stream).length > 0,
    );
    return this.forgotten(stream)[0];
  }

  /** What the app has noted, in order. */
  get notes(): string[] {
    return readFileSync(join(this.folder, "notes.log"), "utf8").split("\n").slice(0, -1);
  }

  /** Waits until the app has noted something. */
  async noted(note: string): Promise<void> {
    await eventually(`the app notes "${note}"; it noted ${this.notes}`, () => this.notes.includes(note));
  }

  /** Opens a gate that a run waits at. */
  openGate(name: string): void {
    writeFileSync(join(this.folder, `${name}.open`), "");
  }

  /** What it says of itself over its channel. */
  async report(): Promise<Record<string, unknown>> {
    const id = ++this.reports;
    this.process.tell({ type: "report", id });
    const said = await eventually("it reports", () =>
      this.process.said.find((one) => one.type === "report" && one.id === id),
    );
    return said.type === "report" ? (said.report as Record<string, unknown>) : {};
  }

  /** Ends what a test has left, so that the next one finds the worker as this one has. */
  async idle(): Promise<void> {
    for (const peer of this.peers.splice(0)) peer.destroy();
    for (const slot of this.slots.splice(0)) this.revoke(slot, true);
    await eventually("no run is left", async () => (await this.report())["running"] === 0);
    truncateSync(join(this.folder, "notes.log"));
  }

  /** Asks it to stop, as the arbiter does. */
  stop(graceful: boolean, linger = false): void {
    this.process.tell({ type: "stop", graceful, linger });
  }

  /** Whether the process is still there. */
  get alive(): boolean {
    return this.process.process.exitCode === null && this.process.process.signalCode === null;
  }

  /** Waits until the process has ended. @returns its exit code; null where a signal ended it. */
  async exited(): Promise<number | null> {
    if (this.alive) await once(this.process.process, "exit");
    // What it said last is read behind its end.
    await this.registration?.end();
    return this.process.process.exitCode;
  }

  /** Ends it at once. */
  async close(): Promise<void> {
    if (this.alive) await this.process.kill();
    for (const peer of this.peers) peer.destroy();
    this.listener.close();
    const log = join(this.folder, "log");
    if (process.env["CONTRACT_LOG"] && existsSync(log)) console.error(readFileSync(log, "utf8"));
    removeFolder(this.folder);
  }
}
