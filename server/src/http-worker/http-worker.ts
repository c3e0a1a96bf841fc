import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Settings } from "../config/settings.ts";
import { type Listener, tellArbiter } from "../process/channel.ts";
import { getLogger } from "../process/logger.ts";
import { type HttpWorkerReport, ProcessMeter } from "../process/reports.ts";
import { RequestLimit } from "../process/request-limit.ts";
import type { AcceptGate } from "./accept-gate.ts";
import { BodyWatch } from "./body-watch.ts";
import { ClientConnection } from "./client-connection.ts";
import { GuardedServer } from "./guarded-server.ts";
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
/** What a client gets to read why its bytes were refused, before its connection is reset. */
const LINGER_MS = 1000;

/** Characters of a client's `User-Agent` that the access log keeps. */
const LONGEST_AGENT = 300;

const STATUS_OF_PARSER_ERROR: Record<string, string> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "413 Payload Too Large",
};

/** The HTTP side of a worker: one server for each inherited socket, all serving the same app. */
export class HttpWorker {
  private readonly settings: Settings;
  private readonly app: WebApp;
  private readonly gate: AcceptGate | undefined;
  private readonly servers: Server[] = [];
  private readonly connections = new Map<Socket, ClientConnection>();
  private readonly meter = new ProcessMeter();
  private requests = 0;
  private readonly hosts: HostCheck;
  private readonly stalls: StallWatch;
  private readonly bodies: BodyWatch;
  private readonly limit: RequestLimit;
  private draining = false;

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
   * Accepts nothing new and lets the requests in progress finish, for `ms` at most; then closes what is left
   * and the app.
   */
  async drain(ms: number): Promise<void> {
    this.draining = true;
    this.gate?.stop();
    // Told with its answer, a client does not send its next request into a connection that closes.
    for (const { responses } of this.connections.values()) {
      for (const response of responses) response.shouldKeepAlive = false;
    }
    const closed = Promise.all(this.servers.map((server) => new Promise((resolve) => server.close(resolve))));
    const began = performance.now();
    const sweep = setInterval(() => {
      // A connection that falls idle while its server closes would otherwise stay for its whole keep-alive.
      for (const server of this.servers) server.closeIdleConnections();
      // To Node, one that never sent a byte is not idle, and a closing server has no `headersTimeout` any more.
      if (performance.now() - began < LAST_REQUEST_MS) return;
      for (const [socket, { inProgress }] of this.connections) if (inProgress === 0) socket.destroy();
    }, DRAIN_POLL_MS);
    await within(ms, closed);
    clearInterval(sweep);
    this.stalls.stop();
    this.bodies.stop();
    for (const server of this.servers) server.closeAllConnections();
    await within(ms, this.app.close());
  }

  /** What it has served, and is serving. */
  report(): HttpWorkerReport {
    let inProgress = 0;
    for (const connection of this.connections.values()) inProgress += connection.inProgress;
    return {
      requests: this.requests,
      inProgress,
      connections: this.connections.size,
      ...this.meter.read(),
    };
  }

  private async listen({ fd }: Listener): Promise<void> {
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
    this.app.attach(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
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
    endWith(socket, `${refusal.status} ${STATUS_CODES[refusal.status]}`, refusal.detail);
    return true;
  }

  // Bytes that are no HTTP never reach the app, so the answer is written here, by hand.
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
    const status = STATUS_OF_PARSER_ERROR[error.code ?? ""] ?? "400 Bad Request";
    endWith(socket, status, status.slice(4));
  }
}

// Writes a whole answer by hand, where Node has no response for it.
function endWith(socket: Duplex, status: string, detail: string): void {
  const body = JSON.stringify({ detail });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  // A client that holds on to the connection must not hold this side of it, nor a handler that waits for the body.
  setTimeout(() => socket.destroy(), LINGER_MS);
}

function logAccess(requestId: string, request: IncomingMessage, response: ServerResponse): void {
  const began = performance.now();
  const { method } = request;
  const url = loggedUrl(request.url ?? "");
  const remote = request.socket.remoteAddress;
  response.once("close", () => {
    const ms = Math.round(performance.now() - began);
    const complete = response.writableFinished;
    getLogger().info(
      {
        requestId,
        method,
        url,
        status: response.statusCode,
        ms,
        remote,
        agent: request.headers["user-agent"]?.slice(0, LONGEST_AGENT),
        complete,
      },
      `${method} ${url} ${response.statusCode} in ${ms} ms${complete ? "" : ", cut short"}`,
    );
  });
}

async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
}
