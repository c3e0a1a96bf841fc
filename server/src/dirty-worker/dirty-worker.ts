import { chmodSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { monotonicMs } from "../process/clock.ts";
import { getLogger } from "../process/logger.ts";
import { type DirtyWorkerReport, ProcessMeter } from "../process/reports.ts";
import type { RequestLimit } from "../process/request-limit.ts";
import { SeldomWarning } from "../process/seldom.ts";
import { Connection } from "../protocol/connection.ts";
import { DirtyDrainingError, DirtyProtocolError, DirtyWorkerError } from "../protocol/errors.ts";
import { checkFirstMessage, FIRST_MESSAGE_MS } from "../protocol/first-message.ts";
import { isGone } from "../protocol/lost-writes.ts";
import {
  type Hello,
  MSG,
  type Ready,
  type Revoke,
  type Run as RunMessage,
  readDict,
  readHello,
} from "../protocol/messages.ts";
import { epochOf } from "../protocol/slot.ts";
import { checkToken } from "../protocol/token.ts";
import type { AppHost } from "./app-host.ts";
import { ClientSession, type ClientSessionOwner } from "./client-session.ts";
import { Registration, type RegistrationOwner } from "./registration.ts";
import { Run } from "./run.ts";
import type { Incoming } from "./run-output.ts";
import { StreamStore, type StreamStoreOptions } from "./stream-store.ts";
import { Turn } from "./turn.ts";

// Slots are never reused, so old revocations only have to be remembered until a late RUN can no longer come.
const MAX_REVOKED = 4096;
/** ms that a client gets to read what was sent to it before the worker closed. */
const CLOSE_MS = 1000;
// HTTP workers connect once each; a flood of connections is a fault.
const MAX_CONNECTIONS = 1024;

/** What a dirty worker is made of. */
export interface DirtyWorkerOptions {
  /** Path of the socket on which clients reach this worker. */
  socket: string;
  /** Path of the dirty arbiter's socket. */
  dirtySocket: string;
  hello: Hello;
  /** The loaded apps. */
  hosts: AppHost[];
  /** Limits of its resumable streams. Default: a grace of 30 s. */
  streams?: StreamStoreOptions;
  /** Counts the runs that have settled. Default: they are not counted. */
  limit?: RequestLimit;
}

/** The dirty worker itself: takes runs from clients, keeps the rules of slots, and reports to the dirty arbiter. */
export class DirtyWorker implements RegistrationOwner, ClientSessionOwner {
  readonly streams: StreamStore;
  private readonly turn = new Turn();
  private readonly options: DirtyWorkerOptions;
  private readonly hosts: Map<string, AppHost>;
  private readonly server: Server;
  private readonly running = new Map<number, Run>();
  private readonly revokedSlots = new Set<number>();
  private readonly connections = new Set<Connection>();
  /** Those of dirty workers, whose apps call the ones here. They stay as long as this worker does. */
  private readonly colleagues = new Set<Connection>();
  private registration: Registration | undefined;
  private readonly meter = new ProcessMeter();
  /** Runs that were begun. */
  private begun = 0;
  private draining = false;
  /** The apps that it takes new requests for; undefined: all that it has loaded. */
  private kept: readonly string[] | undefined;
  private closing = false;
  /** While it drains, clients may come back for what has ended. */
  private lingering = false;
  private emptied: (() => void) | undefined;
  private deserted: (() => void) | undefined;

  constructor(options: DirtyWorkerOptions) {
    this.options = options;
    this.hosts = new Map(options.hosts.map((host) => [host.name, host]));
    this.streams = new StreamStore(options.streams ?? { graceMs: 30_000 }, {
      forgotten: (forget) => this.registration?.forget(forget),
      changed: () => this.lookIfEmpty(),
    });
    this.server = createServer((socket) => this.accept(socket));
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  /** Listens, then registers with the dirty arbiter. */
  async open(): Promise<void> {
    const { socket, dirtySocket, hello } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(socket, resolve);
    });
    chmodSync(socket, 0o600);
    this.registration = new Registration(dirtySocket, hello, this);
  }

  /** Takes new requests for these apps only: its successors serve the others. */
  retire(keep: readonly string[]): void {
    this.kept = keep;
    this.registration?.announce();
  }

  /**
   * Takes nothing new. Resolves when the last run has settled and each reader of a resumable stream has all of it, or
   * after `ms`.
   * @param linger whether clients may come back. Then the worker also waits for them while the grace of a stream that no
   * client has read to its end is not over. Else it only does while a client is connected.
   */
  async drain(ms: number, linger = false): Promise<void> {
    this.draining = true;
    this.lingering = linger;
    this.registration?.announce();
    if (this.empty) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Waits no longer for runs and readers: the server stops at once. */
  endDrain(): void {
    this.emptied?.();
  }

  /** No client that is gone comes back: the server stops. */
  endLingering(): void {
    this.lingering = false;
    this.lookIfEmpty();
  }

  /**
   * Resolves when the last client has gone but other dirty workers, or after `ms`. Meanwhile the worker serves as ever.
   */
  async unused(ms: number): Promise<void> {
    if (this.connections.size === this.colleagues.size) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.deserted = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /**
   * Aborts what still runs, gives it `ms` to settle, and closes the apps and every connection.
   * @param closing is told of each app right before its `close()`, which may hang.
   */
  async close(ms: number, closing: (app: string) => void = () => {}): Promise<void> {
    for (const run of this.running.values())
      run.abort(new DirtyDrainingError("The dirty worker is stopping."));
    this.closing = true;
    await this.drain(ms);
    this.streams.close();
    for (const host of this.hosts.values()) {
      closing(host.name);
      try {
        await host.close();
      } catch (error) {
        getLogger().error({ err: error }, `close() of the dirty app ${host.name} failed`);
      }
    }
    this.registration?.close();
    this.server.close();
    for (const connection of this.connections) connection.close(CLOSE_MS);
    await this.unused(CLOSE_MS);
  }

  /** What it has done, and is doing. */
  report(): DirtyWorkerReport {
    return { runs: this.begun, running: this.running.size, ...this.meter.read() };
  }

  ready(): Ready {
    const now = monotonicMs();
    return {
      socket: this.options.socket,
      apps: [...this.hosts.values()].filter((host) => this.takes(host)).map((host) => host.describe()),
      running: [...this.running.values()].map((run) => ({
        slot: run.slot,
        app: run.host.name,
        ms_left: Math.max(0, run.deadline - now),
      })),
      streams: this.streams.kept(),
    };
  }

  revoked({ slot, cancel }: Revoke): void {
    const run = this.running.get(slot);
    if (run === undefined) {
      this.revokedSlots.add(slot);
      if (this.revokedSlots.size > MAX_REVOKED) {
        for (const oldest of this.revokedSlots) {
          this.revokedSlots.delete(oldest);
          break;
        }
      }
      this.registration?.free(slot, true);
    } else if (cancel) {
      const reason = new DirtyWorkerError("The dirty arbiter took the run's slot back.");
      // The readers of a stream ask for it again once its code has ended, and have it continued. A plain run's client
      // may live, and only have lost the dirty arbiter.
      if (this.streams.has(slot)) run.abort(reason);
      else run.end(reason);
    }
  }

  private takes(host: AppHost): boolean {
    return !this.draining && (this.kept?.includes(host.name) ?? true);
  }

  private get empty(): boolean {
    if (this.running.size > 0) return false;
    if (this.closing || !this.streams.wanted) return true;
    return !this.lingering && this.connections.size === this.colleagues.size;
  }

  private lookIfEmpty(): void {
    if (this.emptied !== undefined && this.empty) this.emptied();
  }

  private settled(run: Run): void {
    run.host.running--;
    this.running.delete(run.slot);
    this.registration?.free(run.slot);
    this.options.limit?.count();
    this.lookIfEmpty();
  }

  private checkDeserted(): void {
    if (this.connections.size === this.colleagues.size) this.deserted?.();
  }

  private accept(socket: Socket): void {
    let session: ClientSession | undefined;
    const connection = new Connection(socket, {
      announced: (type, length) => {
        if (session !== undefined) return;
        if (type !== MSG.HELLO)
          throw new DirtyProtocolError("The first message to a dirty worker must be HELLO.");
        checkFirstMessage(type, length);
      },
      frame: (type, id, buffer, start, end) => {
        if (session !== undefined) {
          session.receive(type, id, buffer, start, end);
          return;
        }
        const { role } = checkToken(readHello(readDict(buffer, start, end)), this.options.hello.token);
        if (role === "app") {
          this.colleagues.add(connection);
          this.checkDeserted();
        }
        connection.speakOurs();
        session = new ClientSession(this, connection);
        clearTimeout(limit);
      },
      closed: (error) => {
        clearTimeout(limit);
        this.connections.delete(connection);
        this.colleagues.delete(connection);
        if (error !== undefined) tellFailed(error);
        session?.closed();
        this.checkDeserted();
        this.lookIfEmpty();
      },
    });
    const limit = setTimeout(() => connection.destroy(), FIRST_MESSAGE_MS);
    this.connections.add(connection);
  }

  take(message: RunMessage, connection: Connection, id: number, done: () => void): Incoming | undefined {
    const host = this.admit(message);
    if (host === undefined) {
      connection.send(MSG.NACK, id);
      return undefined;
    }
    if (message.stream !== undefined)
      return this.begin(host, message, message.stream, { connection, id, done });
    const run = new Run(
      {
        turn: this.turn,
        settled: () => {
          done();
          this.settled(run);
        },
      },
      host,
      connection,
      id,
      message,
    );
    this.start(run);
    return run;
  }

  adopted(message: RunMessage): void {
    if (message.stream === undefined)
      throw new DirtyProtocolError("A run without a stream has no reader here.");
    const host = this.admit(message);
    if (host !== undefined) this.begin(host, message, message.stream);
  }

  /** The app that serves a run; undefined: the slot is void, and the client will not use it again. */
  private admit({ slot, app }: RunMessage): AppHost | undefined {
    const host = this.hosts.get(app);
    if (
      host === undefined ||
      !this.takes(host) ||
      host.running >= host.concurrency ||
      this.running.has(slot) ||
      this.revokedSlots.has(slot) ||
      epochOf(slot) < (this.registration?.epoch ?? 0)
    ) {
      // So it need not wait to be found unused.
      if (!this.running.has(slot)) this.registration?.free(slot, true);
      return undefined;
    }
    return host;
  }

  private begin(
    host: AppHost,
    message: RunMessage,
    id: string,
    client?: { connection: Connection; id: number; done: () => void },
  ): Incoming | undefined {
    const stream = this.streams.create(message, id, host.continues.includes(message.action));
    const run = new Run(
      {
        turn: this.turn,
        settled: () => {
          stream.settled();
          this.settled(run);
        },
      },
      host,
      stream,
      0,
      message,
    );
    const reader = client && stream.open(client.connection, client.id, client.done);
    stream.begin(run);
    this.start(run);
    this.streams.welcome(stream);
    return reader;
  }

  private start(run: Run): void {
    run.host.running++;
    this.begun++;
    this.running.set(run.slot, run);
    this.registration?.began(run.slot);
    run.start();
  }
}

const failures = new SeldomWarning();

/** A peer can cause this with every frame that it sends. */
function tellFailed(error: Error): void {
  const message = "a connection to the dirty worker failed";
  if (isGone(error)) getLogger().debug({ err: error }, message);
  else failures.warn({ err: error }, message);
}
