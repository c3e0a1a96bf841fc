import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Most requests of a connection that wait for their turn. A client that pipelines more gets these answers and then the end. */
const MOST_WAITING = 100;
/** Requests behind those, which are ignored, before the connection is cut: each costs memory as long as it is open. */
const MOST_IGNORED = 1000;

/**
 * The requests of one connection. They are served one after the other: a client may send the next before the last is
 * answered (pipelining), but the answers have to come in order. Served side by side, all would take their slots while
 * one is read, and Node tells only the first of them that the client has left.
 */
export class ClientConnection {
  /** The address at which it arrived; undefined on a unix socket. */
  readonly localAddress: string | undefined;
  private readonly socket: Socket;
  /** Those that are served or wait, in order, each with what starts it; undefined once it has started. */
  private readonly requests = new Map<ServerResponse, (() => void) | undefined>();
  private latest: IncomingMessage | undefined;
  /** The last request that is served has been found. */
  private full = false;
  private ignored = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    this.localAddress = socket.localAddress;
    // A half-close counts as gone. Node closes too, but only behind what it has still to write: for a client that
    // does not read either, never.
    socket.once("end", () => {
      for (const response of this.requests.keys()) if (!response.writableEnded) socket.destroy();
    });
    // None that waits is begun for a client that has left.
    socket.once("close", () => this.requests.clear());
  }

  /** The responses in progress, the one that is being sent first. */
  get responses(): Iterable<ServerResponse> {
    return this.requests.keys();
  }

  /** Requests that are served or wait. */
  get inProgress(): number {
    return this.requests.size;
  }

  /** The request whose body is being received; undefined: none, or one that waits for its turn. */
  get receiving(): IncomingMessage | undefined {
    const { latest, requests } = this;
    if (latest === undefined || latest.complete) return undefined;
    for (const [response, start] of requests)
      if (response.req === latest && start !== undefined) return undefined;
    return latest;
  }

  /** Starts a request, now or when those before it are answered; never, when the connection ends before. */
  add(response: ServerResponse, start: () => void): void {
    const { requests } = this;
    if (this.full) {
      this.ignore();
      return;
    }
    this.latest = response.req;
    const isFirst = requests.size === 0;
    requests.set(response, isFirst ? undefined : start);
    response.once("close", () => this.finish(response));
    if (requests.size > MOST_WAITING) {
      this.full = true;
      // With this answer the client is told that those behind it are not served.
      response.shouldKeepAlive = false;
    }
    if (isFirst) start();
  }

  private finish(finished: ServerResponse): void {
    this.requests.delete(finished);
    // Not before what the app does at the end of this one.
    if (this.requests.size > 0) process.nextTick(() => this.startNext());
  }

  private startNext(): void {
    const [next] = this.requests;
    // After an answer with "Connection: close" nothing follows.
    if (next === undefined || !this.socket.writable) return;
    const [response, start] = next;
    if (start === undefined) return;
    this.requests.set(response, undefined);
    start();
  }

  private ignore(): void {
    if (++this.ignored > MOST_IGNORED) this.socket.destroy();
  }
}
