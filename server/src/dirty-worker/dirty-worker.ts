import { chmodSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { monotonicMs } from "../process/clock.ts";
import { getLogger } from "../process/logger.ts";
import { Connection } from "../protocol/connection.ts";
import { DirtyDrainingError, DirtyProtocolError, DirtyWorkerError } from "../protocol/errors.ts";
import type { RequestId } from "../protocol/header.ts";
import {
  type Hello,
  MSG,
  type Ready,
  type Revoke,
  readBytes,
  readDict,
  readHello,
  readRun,
} from "../protocol/messages.ts";
import { epochOf } from "../protocol/slot.ts";
import { checkToken } from "../protocol/token.ts";
import type { AppHost } from "./app-host.ts";
import { Registration, type RegistrationOwner } from "./registration.ts";
import { Run, type RunOwner } from "./run.ts";
import { Turn } from "./turn.ts";

// Slots are never reused, so old revocations only have to be remembered until a late RUN can no longer come.
const MAX_REVOKED = 4096;
/** ms that a client gets to read what was sent to it before the worker closed. */
const CLOSE_MS = 1000;
/** ms within which whoever connects must have said HELLO. */
const HELLO_MS = 5000;
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
}

/** The dirty worker itself: takes runs from clients, keeps the rules of slots, and reports to the dirty arbiter. */
export class DirtyWorker implements RegistrationOwner {
  private readonly turn = new Turn();
  private readonly options: DirtyWorkerOptions;
  private readonly hosts: Map<string, AppHost>;
  private readonly server: Server;
  private readonly running = new Map<number, Run>();
  private readonly revokedSlots = new Set<number>();
  private readonly connections = new Set<Connection>();
  private registration: Registration | undefined;
  private draining = false;
  /** The apps that it takes new requests for; undefined: all that it has loaded. */
  private kept: readonly string[] | undefined;
  private emptied: (() => void) | undefined;
  private deserted: (() => void) | undefined;

  constructor(options: DirtyWorkerOptions) {
    this.options = options;
    this.hosts = new Map(options.hosts.map((host) => [host.name, host]));
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

  /** Takes nothing new; resolves when the last run has settled, or after `ms`. */
  async drain(ms: number): Promise<void> {
    this.draining = true;
    this.registration?.announce();
    if (this.running.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Resolves when the last client has gone, or after `ms`. Meanwhile the worker serves as ever. */
  async unused(ms: number): Promise<void> {
    if (this.connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.deserted = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Aborts what still runs, gives it `ms` to settle, and closes the apps and every connection. */
  async close(ms: number): Promise<void> {
    for (const run of this.running.values())
      run.abort(new DirtyDrainingError("The dirty worker is stopping."));
    await this.drain(ms);
    for (const host of this.hosts.values()) {
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
      this.registration?.free(slot);
    } else if (cancel) {
      run.abort(new DirtyWorkerError("The client is gone."));
    }
  }

  private takes(host: AppHost): boolean {
    return !this.draining && (this.kept?.includes(host.name) ?? true);
  }

  private settled(run: Run): void {
    run.host.running--;
    this.running.delete(run.slot);
    this.registration?.free(run.slot);
    if (this.running.size === 0) this.emptied?.();
  }

  private accept(socket: Socket): void {
    const runs = new Map<RequestId, Run>();
    const owner: RunOwner = {
      turn: this.turn,
      settled: (run) => {
        runs.delete(run.id);
        this.settled(run);
      },
    };
    let trusted = false;
    const connection = new Connection(socket, {
      frame: (type, id, buffer, start, end) => {
        if (!trusted) {
          if (type !== MSG.HELLO)
            throw new DirtyProtocolError("The first message to a dirty worker must be HELLO.");
          checkToken(readHello(readDict(buffer, start, end)), this.options.hello.token);
          trusted = true;
          clearTimeout(limit);
          return;
        }
        switch (type) {
          case MSG.RUN:
            this.run(connection, owner, runs, id, readDict(buffer, start, end));
            return;
          case MSG.CANCEL:
            runs.get(id)?.abort(new DirtyWorkerError("The call was cancelled."));
            return;
          case MSG.CREDIT:
            runs.get(id)?.grant(readBytes(readDict(buffer, start, end)));
            return;
          default:
            throw new DirtyProtocolError(`A dirty worker takes no message of type 0x${type.toString(16)}.`);
        }
      },
      closed: (error) => {
        clearTimeout(limit);
        this.connections.delete(connection);
        if (error !== undefined) getLogger().warn({ err: error }, "a connection to the dirty worker failed");
        if (this.connections.size === 0) this.deserted?.();
        for (const run of runs.values()) run.abort(new DirtyWorkerError("The client is gone."));
      },
    });
    const limit = setTimeout(() => connection.destroy(), HELLO_MS);
    this.connections.add(connection);
  }

  private run(
    connection: Connection,
    owner: RunOwner,
    runs: Map<RequestId, Run>,
    id: RequestId,
    dict: Record<string, unknown>,
  ): void {
    const message = readRun(dict);
    const { slot } = message;
    const host = this.hosts.get(message.app);
    if (
      typeof id !== "number" ||
      host === undefined ||
      !this.takes(host) ||
      host.running >= host.concurrency ||
      this.running.has(slot) ||
      this.revokedSlots.has(slot) ||
      epochOf(slot) < (this.registration?.epoch ?? 0)
    ) {
      connection.send(MSG.NACK, id);
      // The client will not use this slot again, so it need not wait to be found unused.
      if (!this.running.has(slot)) this.registration?.free(slot);
      return;
    }
    const run = new Run(owner, host, connection, id, message);
    host.running++;
    this.running.set(slot, run);
    runs.set(id, run);
    this.registration?.began(slot);
    run.start();
  }
}
