import { createServer, type Server, type Socket } from "node:net";
import { ClientHost } from "../dirty/client.ts";
import { monotonicMs } from "../process/clock.ts";
import { getLogger } from "../process/logger.ts";
import { type DirtyArbiterReport, ProcessMeter } from "../process/reports.ts";
import { SeldomWarning } from "../process/seldom.ts";
import { Connection } from "../protocol/connection.ts";
import { DirtyProtocolError } from "../protocol/errors.ts";
import { checkFirstMessage, FIRST_MESSAGE_MS } from "../protocol/first-message.ts";
import type { RequestId } from "../protocol/header.ts";
import { isGone } from "../protocol/lost-writes.ts";
import {
  type Hello,
  MSG,
  readDict,
  readFree,
  readHeartbeat,
  readHello,
  readPlace,
  readReady,
} from "../protocol/messages.ts";
import { readEndStream, readFind, readForget, STREAM_MSG } from "../protocol/stream-messages.ts";
import { checkToken } from "../protocol/token.ts";
import { GatewaySession } from "./gateway.ts";
import type { Office } from "./gateway-office.ts";
import type { PlaceRequest } from "./place-request.ts";
import { Placement } from "./placement.ts";
import { reportPlacement } from "./report.ts";
import type { Scaled } from "./scaling.ts";
import type { Stash } from "./stash.ts";
import { StashSession } from "./stash-session.ts";
import { StreamDirectory } from "./stream-directory.ts";
import { type Asker, waitsUntil } from "./stream-entry.ts";

const TICK_MS = 100;
/** A new dirty arbiter grants nothing for so long, unless all live HTTP workers came earlier. */
const HOLD_MS = 1000;
// Peers are this server's own processes and a few local clients; a flood of connections is a fault.
const MAX_CONNECTIONS = 1024;
/** Bytes that the first messages of all connections may announce together: a client of Gunicorn's may begin with a large one. */
const MAX_FIRST_BYTES = 128 * 1024 * 1024;

/** What the dirty arbiter is made of. */
export interface DirtyArbiterOptions {
  /** The inherited listening socket. */
  fd: number;
  backlog: number;
  /** Its path, for the gateway's own calls. */
  path: string;
  token: string;
  id: number;
  apps: string[];
  /** Ids of the HTTP workers that live already. */
  httpWorkers: number[];
  /** Ids of the dirty workers that live already: until each has registered, or is gone, it may have any stream. */
  dirtyWorkers: number[];
  queueSize: number;
  /** Seconds. */
  queueTimeout: number;
  /** Seconds. */
  abortGrace: number;
  /** Seconds. */
  timeout: number;
  /** Seconds. */
  streamGrace: number;
  migrationLimit: number;
  /** The tables that all processes share. The caller that opened it closes it. */
  stash: Stash;
  /** A worker has said what it runs, and is given requests from now on. */
  registered(worker: number): void;
  /** Has the arbiter kill a worker. */
  kill(worker: number, reason: string): void;
  /** Has the arbiter start more workers, or stop some where `by` is negative. */
  scale(by: number): Promise<Scaled>;
}

/** What a reload can change. */
export type Limits = Pick<DirtyArbiterOptions, "apps" | "queueSize" | "queueTimeout" | "abortGrace">;

/** A client's or a worker's connection that said HELLO. */
interface Peer {
  readonly hello: Hello;
  readonly connection: Connection;
}

/** The dirty arbiter: the sockets around placement. It runs no user code and carries no tokens but the gateway's. */
export class DirtyArbiter {
  private readonly options: DirtyArbiterOptions;
  private readonly placement: Placement;
  private readonly streams: StreamDirectory;
  private readonly server: Server;
  private readonly peers = new Set<Peer>();
  private readonly foreign = new Set<Connection>();
  private readonly workers = new Map<number, Peer>();
  private readonly awaited: Set<number>;
  private readonly ticker: NodeJS.Timeout;
  private readonly hold: NodeJS.Timeout;
  private readonly meter = new ProcessMeter();
  private readonly office: Office;
  private gateway: ClientHost | undefined;
  private appsDirty = false;
  private failing: string | null = null;
  /** Bytes that were announced by connections whose first message is not whole yet. */
  private firstBytes = 0;

  constructor(options: DirtyArbiterOptions) {
    this.options = options;
    this.awaited = new Set(options.httpWorkers);
    this.placement = new Placement(
      {
        epoch: options.id,
        apps: options.apps,
        queueSize: options.queueSize,
        queueTimeoutMs: options.queueTimeout * 1000,
        abortGraceMs: options.abortGrace * 1000,
        now: monotonicMs,
      },
      {
        granted: (request, placed) => {
          if (this.streams.owns(request)) this.streams.granted(request, placed);
          else peerOf(request).connection.send(MSG.PLACED, request.id, placed);
        },
        rejected: (request, error) => {
          if (this.streams.owns(request)) this.streams.rejected(request, error);
          else peerOf(request).connection.sendError(request.id, error);
        },
        queued: (request, position) => {
          if (this.streams.owns(request)) this.streams.queued(request, position);
          else peerOf(request).connection.send(MSG.QUEUED, request.id, { position });
        },
        revoke: (worker, slot, cancel) =>
          this.workers.get(worker)?.connection.send(MSG.REVOKE, 0, { slot, cancel }),
        kill: options.kill,
        appsChanged: () => this.announceApps(),
      },
      this.awaited.size > 0,
    );
    this.streams = new StreamDirectory(
      { graceMs: options.streamGrace * 1000, queueTimeoutMs: options.queueTimeout * 1000, now: monotonicMs },
      {
        place: (request) => this.placement.place(request),
        withdraw: (request) => this.placement.cancel(this.streams, request),
        revoke: (worker, slot, cancel) => this.placement.revokeSlot(worker, slot, cancel),
        placed: (asker, placed) => peerOf(asker).connection.send(MSG.PLACED, asker.id, placed),
        found: (asker, found) => peerOf(asker).connection.send(STREAM_MSG.FOUND, asker.id, found),
        queued: (asker, position) => peerOf(asker).connection.send(MSG.QUEUED, asker.id, { position }),
        rejected: (asker, error) => peerOf(asker).connection.sendError(asker.id, error),
        ended: (asker) => peerOf(asker).connection.send(MSG.RESPONSE, asker.id, { result: null }),
        adopt: (worker, run) => this.workers.get(worker)?.connection.send(MSG.RUN, 0, run),
      },
      true,
      options.dirtyWorkers,
    );
    this.office = {
      inspect: () => this.placement.inspect(),
      pidOf: (worker) => this.workers.get(worker)?.hello.pid,
      scale: (by) => options.scale(by),
    };
    // What waits in the sockets is heard before the clock is looked at. After a pause of this process it may be the
    // FREE of a run that seems to be over its time, and its worker must not be killed for that.
    this.ticker = setInterval(() => setImmediate(() => this.tick()), TICK_MS);
    this.hold = setTimeout(() => {
      this.placement.release();
      this.streams.settle();
    }, HOLD_MS);
    this.server = createServer((socket) => this.accept(socket));
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  /** Takes connections from the inherited socket. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      // Node reads the backlog of an inherited socket from its argument, and ignores the option of that name.
      this.server.listen({ fd: this.options.fd }, this.options.backlog, resolve);
    });
  }

  /** Takes over the apps and the limits of a reload. Times are in seconds. */
  configure({ apps, queueSize, queueTimeout, abortGrace }: Limits): void {
    this.placement.configure({
      apps,
      queueSize,
      queueTimeoutMs: queueTimeout * 1000,
      abortGraceMs: abortGrace * 1000,
    });
  }

  /** A worker is dead; only the arbiter knows for certain. */
  workerGone(id: number): void {
    // What it sent last may still be unread here; nothing of it may bring the dead back.
    this.workers.get(id)?.connection.destroy();
    this.streams.workerGone(id);
    this.placement.workerGone(id);
  }

  /**
   * The workers of these apps fail to start (undefined: of every app); of no others any more.
   * @param reason why; null where none fail.
   */
  setFailing(apps: readonly string[] | undefined, reason: string | null): void {
    this.failing = reason;
    this.placement.setFailing(apps);
  }

  /** The dirty workers that listen for a debugger: none is killed for a run that passes its time. */
  setDebugged(workers: readonly number[]): void {
    this.placement.debugged = new Set(workers);
  }

  /** The processes of this server that are still connected. */
  connectedPids(): number[] {
    return [...this.peers].map((peer) => peer.hello.pid).filter((pid) => pid !== process.pid);
  }

  /** What there is to place and what is placed. */
  report(): DirtyArbiterReport {
    return { ...reportPlacement(this.placement.inspect()), failing: this.failing, ...this.meter.read() };
  }

  /** Answers what waits, and closes. */
  close(): void {
    clearInterval(this.ticker);
    clearTimeout(this.hold);
    this.placement.close();
    this.gateway?.close();
    this.server.close();
    for (const { connection } of this.peers) connection.close();
    for (const connection of this.foreign) connection.close();
  }

  private tick(): void {
    if (!this.placement.idle) this.placement.tick();
    if (!this.streams.idle) this.streams.tick();
  }

  private accept(socket: Socket): void {
    let receive: FrameReceiver | undefined;
    let closed = (): void => {};
    let announced = 0;
    const announce = (length: number): void => {
      this.firstBytes += length - announced;
      announced = length;
    };
    const connection: Connection = new Connection(socket, {
      announced: (type, length) => {
        if (receive !== undefined) return;
        checkFirstMessage(type, length);
        announce(length);
        if (this.firstBytes > MAX_FIRST_BYTES)
          throw new DirtyProtocolError("Too many large messages are on their way; try again later.");
      },
      frame: (type, id, buffer, start, end) => {
        if (receive !== undefined) {
          receive(type, id, buffer, start, end);
          return;
        }
        clearTimeout(limit);
        announce(0);
        if (type === MSG.HELLO) {
          const peer = {
            hello: checkToken(readHello(readDict(buffer, start, end)), this.options.token),
            connection,
          };
          closed = () => this.left(peer);
          receive = this.welcome(peer);
          return;
        }
        const session = new GatewaySession(
          connection,
          this.gatewayHost().context,
          this.office,
          this.options.stash,
        );
        this.foreign.add(connection);
        closed = () => {
          this.foreign.delete(connection);
          session.closed();
        };
        receive = session.receive.bind(session);
        receive(type, id, buffer, start, end);
      },
      closed: (error) => {
        clearTimeout(limit);
        announce(0);
        if (error !== undefined) tellFailed(error);
        closed();
      },
    });
    const limit = setTimeout(() => connection.destroy(), FIRST_MESSAGE_MS);
  }

  private welcome(peer: Peer): FrameReceiver {
    const { hello, connection } = peer;
    this.peers.add(peer);
    connection.speakOurs();
    connection.send(MSG.WELCOME, 0, { epoch: this.options.id });
    if (hello.role === "dirty-worker") {
      this.workers.set(hello.id, peer);
      return (type, _id, buffer, start, end) => this.fromWorker(hello.id, type, readDict(buffer, start, end));
    }
    if (hello.role === "stash") {
      const session = new StashSession(this.options.stash, connection, hello.client);
      return session.receive.bind(session);
    }
    connection.send(MSG.APPS, 0, { apps: this.placement.states() });
    if (hello.role === "http-worker" && this.awaited.delete(hello.id) && this.awaited.size === 0) {
      // The requests that the last worker sends behind its HELLO belong into the order too.
      setImmediate(() => this.placement.release());
    }
    return (type, id, buffer, start, end) => this.fromClient(peer, type, id, buffer, start, end);
  }

  private left(peer: Peer): void {
    this.peers.delete(peer);
    if (peer.hello.role === "dirty-worker") {
      if (this.workers.get(peer.hello.id) !== peer) return;
      this.workers.delete(peer.hello.id);
      this.placement.workerDisconnected(peer.hello.id);
    } else {
      this.placement.ownerGone(peer);
      this.streams.peerGone(peer);
    }
  }

  private fromWorker(worker: number, type: number, dict: Record<string, unknown>): void {
    switch (type) {
      case MSG.READY: {
        const ready = readReady(dict);
        // First the streams: a request for one that is here must not be granted a slot.
        this.streams.workerReady(worker, ready);
        this.placement.workerReady(worker, ready);
        // Behind the notice that it brings, which leaves with this turn: a client that hears that the server is ready must not
        // ask an HTTP worker that has not heard of it.
        setImmediate(() => this.options.registered(worker));
        return;
      }
      case MSG.HEARTBEAT: {
        const started = readHeartbeat(dict);
        this.streams.started(started);
        this.placement.heartbeat(worker, started);
        return;
      }
      case MSG.FREE: {
        const { slot, unused } = readFree(dict);
        this.streams.freed(slot, unused);
        this.placement.free(worker, slot);
        return;
      }
      case STREAM_MSG.FORGET:
        this.streams.forgotten(worker, readForget(dict));
        return;
      default:
        throw new DirtyProtocolError(`A dirty worker may not send a message of type 0x${type.toString(16)}.`);
    }
  }

  private fromClient(
    peer: Peer,
    type: number,
    id: RequestId,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    if (typeof id !== "number") throw new DirtyProtocolError("A request's id must be below 2^53.");
    switch (type) {
      case MSG.PLACE: {
        const place = readPlace(readDict(buffer, start, end));
        const until = waitsUntil(place, monotonicMs());
        if (place.stream === undefined) this.placement.place({ owner: peer, id, until, ...place });
        else this.streams.place(peer, id, place, end - start);
        return;
      }
      case STREAM_MSG.FIND:
        this.streams.find(peer, id, readFind(readDict(buffer, start, end)));
        return;
      case STREAM_MSG.END_STREAM:
        this.streams.end(peer, id, readEndStream(readDict(buffer, start, end)));
        return;
      case MSG.CANCEL:
        if (!this.streams.cancel(peer, id)) this.placement.cancel(peer, id);
        return;
      default:
        throw new DirtyProtocolError(`A client may not send a message of type 0x${type.toString(16)}.`);
    }
  }

  // One notice for all changes of a turn: a worker's READY brings several.
  private announceApps(): void {
    if (this.appsDirty) return;
    this.appsDirty = true;
    process.nextTick(() => {
      this.appsDirty = false;
      const apps = this.placement.states();
      for (const { hello, connection } of this.peers) {
        if (hello.role !== "dirty-worker" && hello.role !== "stash") connection.send(MSG.APPS, 0, { apps });
      }
    });
  }

  private gatewayHost(): ClientHost {
    if (this.gateway === undefined) {
      const { path, token, id, timeout, queueTimeout, migrationLimit } = this.options;
      this.gateway = new ClientHost({
        socket: path,
        hello: { token, role: "gateway", id, pid: process.pid },
        dirtyTimeout: timeout,
        dirtyQueueTimeout: queueTimeout,
        migrationLimit,
      });
    }
    return this.gateway;
  }
}

type FrameReceiver = (type: number, id: RequestId, buffer: Buffer, start: number, end: number) => void;

function peerOf(request: PlaceRequest | Asker): Peer {
  // What `place` and its like were called with, a few lines above.
  return ("owner" in request ? request.owner : request.peer) as Peer;
}

const failures = new SeldomWarning();

/** A peer can cause this with every frame that it sends. */
function tellFailed(error: Error): void {
  const message = "a connection to the dirty arbiter failed";
  if (isGone(error)) getLogger().debug({ err: error }, message);
  else failures.warn({ err: error }, message);
}
