import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Settings } from "../config/settings.ts";
import { type Listener, tellArbiter } from "../process/channel.ts";
import { getLogger } from "../process/logger.ts";
import { type HttpWorkerReport, ProcessMeter } from "../process/reports.ts";
import { RequestLimit } from "../process/request-limit.ts";
import type { AcceptGate } from "./accept-gate.ts";
import { logAccess, logUpgrade } from "./access-log.ts";
import { closeWithin } from "./app-close.ts";
import { BodyWatch } from "./body-watch.ts";
import { ClientConnection } from "./client-connection.ts";
import { GuardedServer } from "./guarded-server.ts";
import { endByHand, statusOfParserError } from "./hand-written-answer.ts";
import { HostCheck } from "./host-check.ts";
import { JoinedResponse } from "./joined-response.ts";
import { loggedUrl } from "./logged-url.ts";
import { assignRequestId } from "./request-id.ts";
import { StallWatch } from "./stall-watch.ts";
import type { WebApp } from "./web-app.ts";

// How often Node looks for connections that are over `headersTimeout`.
const CHECK_MS = 1000;
const DRAIN_POLL_MS = 50;
/** What a connection that has no request in progress gets to send one, once the worker drains. */
const LAST_REQUEST_MS = 500;
/** ms that the app gets to close itself and its WebSockets where the requests took all of the time there was. */
const CLOSE_MS = 500;

/**
 * Another server listens on an address that was free when the arbiter bound it: two that are started at once may
 * both bind it, and the kernel refuses the second one that listens.
 */
export class AddressInUseError extends Error {
  /** @param bind the address, as `bind` has it. */
  constructor(bind: string, cause: Error) {
    super(`Cannot listen on ${bind}: the address is in use by another process`, { cause });
  }
}

/** The HTTP side of a worker: one server for each inherited socket, all serving the same app. */
export class HttpWorker {
  private readonly settings: Settings;
  private readonly app: WebApp;
  private readonly gate: AcceptGate | undefined;
  private readonly servers: Server[] = [];
  private readonly connections = new Map<Socket, ClientConnection>();
  /** The connections that the app has taken over, as WebSockets. */
  private readonly upgraded = new Set<Duplex>();
  private readonly meter = new ProcessMeter();
  private requests = 0;
  private readonly hosts: HostCheck;
  private readonly stalls: StallWatch;
  private readonly bodies: BodyWatch;
  private readonly limit: RequestLimit;
  private draining = false;
  /** The app's close(), which is called once, also where a quick stop follows a graceful one. */
  private closing: Promise<void> | undefined;

  /** @param gate has the worker take its share of the connections. Default: it takes what it gets. */
  constructor(settings: Settings, app: WebApp, gate?: AcceptGate) {
    this.settings = settings;
    this.app = app;
    this.gate = gate;
    this.stalls = new StallWatch(this.connections, settings.stallTimeout, (socket, response) =>
      this.cutStalled(socket, response),
    );
    this.bodies = new BodyWatch(this.connections, settings.requestTimeout, (socket) => this.cutSlow(socket));
    this.hosts = new HostCheck(settings.allowedHosts);
    const { maxRequests, maxRequestsJitter } = settings;
    this.limit = new RequestLimit(maxRequests, maxRequestsJitter, () => tellArbiter({ type: "wornOut" }));
  }

  /** Takes connections from the inherited sockets. */
  async open(listeners: Listener[]): Promise<void> {
    await Promise.all(listeners.map((listener) => this.listen(listener)));
    this.gate?.start();
    this.stalls.start();
    this.bodies.start();
  }

  /**
   * Accepts nothing new and lets the requests in progress finish, for `ms` at most. Then the app is closed, which
   * ends its WebSockets too; what is left of them after `ms` is cut.
   */
  async drain(ms: number): Promise<void> {
    this.draining = true;
    this.gate?.stop();
    // Told with its answer, a client does not send its next request into a connection that closes.
    for (const { responses } of this.connections.values()) {
      for (const response of responses) response.shouldKeepAlive = false;
    }
    for (const server of this.servers) server.close();
    const began = performance.now();
    await this.until(began + ms, () => {
      // A connection that falls idle while its server closes would otherwise stay for its whole keep-alive.
      for (const server of this.servers) server.closeIdleConnections();
      // To Node, one that never sent a byte is not idle, and a closing server has no `headersTimeout` any more.
      if (performance.now() - began >= LAST_REQUEST_MS) {
        for (const [socket, { inProgress }] of this.connections) if (inProgress === 0) socket.destroy();
      }
      return this.connections.size === 0;
    });
    this.stalls.stop();
    this.bodies.stop();
    for (const server of this.servers) server.closeAllConnections();
    await this.close(Math.max(began + ms, performance.now() + CLOSE_MS));
  }

  // The app's own connections are its own to end, with a handshake that only it knows.
  private async close(until: number): Promise<void> {
    const { close } = this.app;
    if (close !== undefined) {
      if (this.closing === undefined) tellArbiter({ type: "ending", step: "close() of the web app" });
      this.closing ??= close();
      await closeWithin(until, this.closing);
    } else if (this.upgraded.size > 0) {
      getLogger().info(
        `the app has ${this.upgraded.size} upgraded connections open, and no close() that would end them`,
      );
    }
    await this.until(until, () => this.upgraded.size === 0);
    for (const socket of this.upgraded) socket.destroy();
  }

  // Waits for a condition, until a time of `performance.now()` at most.
  private async until(time: number, condition: () => boolean): Promise<void> {
    while (!condition() && performance.now() < time) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  /** What it has served, and is serving. */
  report(): HttpWorkerReport {
    let inProgress = 0;
    for (const connection of this.connections.values()) inProgress += connection.inProgress;
    return {
      requests: this.requests,
      inProgress,
      connections: this.connections.size + this.upgraded.size,
      ...this.meter.read(),
    };
  }

  private async listen({ fd, bind }: Listener): Promise<void> {
    const { settings } = this;
    const server = new GuardedServer(
      {
        ServerResponse: JoinedResponse,
        keepAliveTimeout: settings.keepalive * 1000,
        headersTimeout: settings.headersTimeout * 1000,
        // A body has its own watch, which lets progress count.
        requestTimeout: 0,
        connectionsCheckingInterval: CHECK_MS,
        maxHeaderSize: settings.maxHeaderSize,
      },
      (request, response) => this.receive(request, response),
      (request, socket) => this.refuseUpgrade(request, socket),
    );
    // 0 seconds of keep-alive means none; Node reads 0 as "no limit".
    if (settings.keepalive === 0) server.maxRequestsPerSocket = 1;
    server.on("connection", (socket) => this.welcome(socket));
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => this.refuse(error, socket));
    this.watchUpgrades(server);
    this.app.attach(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) =>
        reject(error.code === "EADDRINUSE" ? new AddressInUseError(bind, error) : error),
      );
      // Node reads the backlog of an inherited socket from its argument, and ignores the option of that name.
      server.listen({ fd }, settings.backlog, resolve);
    });
    this.servers.push(server);
    this.gate?.add(server);
  }

  private welcome(socket: Socket): void {
    this.connections.set(socket, new ClientConnection(socket));
    socket.once("close", () => {
      this.connections.delete(socket);
      this.gate?.closed();
    });
    this.gate?.opened();
  }

  // Before all who listen for upgrades, also those who find the server by their request: Next does. Without such a
  // listener it is taken off: Node would then leave a request that only offers an upgrade without an answer.
  private watchUpgrades(server: Server): void {
    const upgrade = (request: IncomingMessage, socket: Duplex): void => this.upgrade(request, socket);
    server.on("newListener", (event, listener) => {
      if (event !== "upgrade" || listener === upgrade || server.listenerCount("upgrade") > 0) return;
      server.on("upgrade", upgrade);
    });
    server.on("removeListener", (event) => {
      if (event === "upgrade" && server.listenerCount("upgrade") === 1) server.off("upgrade", upgrade);
    });
  }

  private upgrade(request: IncomingMessage, socket: Duplex): void {
    this.requests++;
    const id = assignRequestId(request);
    this.limit.count();
    // Once upgraded, it has no request in progress, and Node does not close it any more.
    this.connections.delete(request.socket);
    this.upgraded.add(socket);
    socket.once("close", () => this.upgraded.delete(socket));
    // Node listens no more, and the app may not do so yet: a reset must not cost all others their worker.
    socket.on("error", () => {});
    if (this.settings.accessLog) logUpgrade(id, request, socket);
  }

  private cutStalled(socket: Socket, { req }: ServerResponse): void {
    const { stallTimeout } = this.settings;
    const requestId = req.headers["x-request-id"];
    getLogger().info(
      { requestId, reason: "stalled", method: req.method, url: loggedUrl(req.url ?? "") },
      `a client took nothing of its answer for ${stallTimeout} s; its connection is closed`,
    );
    // A reset lets the kernel drop what it holds, and cannot be taken for the end of the answer. Only TCP has it.
    if (socket.remoteFamily === undefined) socket.destroy();
    else socket.resetAndDestroy();
  }

  private cutSlow(socket: Socket): void {
    // Behind an answer that it has already, another one would be taken for that of its next request.
    if (this.connections.get(socket)?.inProgress === 0) socket.destroy();
    else this.refuse({ code: "ERR_HTTP_REQUEST_TIMEOUT" }, socket);
  }

  private receive(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.connections.get(request.socket);
    const serve = () => this.serve(request, response, connection?.localAddress);
    // An app may hand its server requests of its own making.
    if (connection === undefined) serve();
    else connection.add(response, serve);
  }

  private serve(request: IncomingMessage, response: ServerResponse, localAddress: string | undefined): void {
    this.requests++;
    const id = assignRequestId(request, response);
    this.limit.count();
    if (this.draining) response.shouldKeepAlive = false;
    if (this.settings.accessLog) logAccess(id, request, response);
    const refusal = this.hosts.refusal(request, localAddress);
    if (refusal === undefined) {
      this.app.handle(request, response);
      return;
    }
    response.shouldKeepAlive = false;
    response.writeHead(refusal.status, { "content-type": "application/json; charset=utf-8" });
    response.end(JSON.stringify({ detail: refusal.detail }));
  }

  private refuseUpgrade(request: IncomingMessage, socket: Duplex): boolean {
    const refusal = this.hosts.refusal(request, this.connections.get(request.socket)?.localAddress);
    if (refusal === undefined) return false;
    // Node listens no more: a reset must not cost all others their worker.
    socket.on("error", () => {});
    endByHand(socket, `${refusal.status} ${STATUS_CODES[refusal.status]}`, refusal.detail);
    return true;
  }

  // Bytes that are not HTTP never reach the app, so the answer is written here, by hand.
  private refuse(error: Pick<NodeJS.ErrnoException, "code">, socket: Socket): void {
    // It was refused already, and sends on: to reset it now could take the answer from the client.
    if (socket.writableEnded) return;
    const begun = [...(this.connections.get(socket)?.responses ?? [])].some(
      (response) => response.headersSent,
    );
    // Behind a response that has begun, the answer would become a part of it.
    if (begun || !socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const status = statusOfParserError(error.code);
    endByHand(socket, status, status.slice(4));
  }
}
