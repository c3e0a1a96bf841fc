import { readFileSync } from "node:fs";
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { eventually } from "./harness.ts";

/** Where a server listens: a TCP port of this machine, or a unix socket. */
export type Target = { readonly port: number } | { readonly socketPath: string };

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Whether the answer came to its proper end. */
  readonly complete: boolean;
}

/** How a request is made. */
export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly agent?: Agent;
}

/** An answer that is still coming. */
export class Stream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** All that came so far. */
  text = "";
  /** When the answer was over, `Date.now()`; undefined: it still comes. */
  endedAt: number | undefined;
  private readonly message: IncomingMessage;

  constructor(message: IncomingMessage) {
    this.message = message;
    this.status = message.statusCode ?? 0;
    this.headers = message.headers;
    message.setEncoding("utf8").on("data", (text: string) => {
      this.text += text;
    });
    message.on("error", () => {});
    message.on("close", () => {
      this.endedAt = Date.now();
    });
  }

  /** Whether the answer came to its proper end. */
  get complete(): boolean {
    return this.message.complete;
  }

  /** Waits until the text has this. */
  async has(pattern: string | RegExp, ms?: number): Promise<void> {
    await eventually(`the stream says ${pattern}`, () => this.text.match(pattern) !== null, ms);
  }

  /** Waits for the end, proper or not. */
  async ended(ms?: number): Promise<void> {
    await eventually("the stream has ended", () => this.endedAt !== undefined, ms);
  }

  /** Leaves, as a client does that closes its window. */
  leave(): void {
    this.message.destroy();
  }
}

/**
 * Begins a request; resolves when the headers of the answer are there. Each request has a connection of its
 * own, unless an agent is given.
 */
export function open(target: Target, path: string, options: RequestOptions = {}): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const { method = "GET", headers = {}, body, agent } = options;
    const where = "port" in target ? { host: "127.0.0.1", port: target.port } : target;
    const outgoing = request({ ...where, path, method, headers, agent: agent ?? new Agent() }, (message) =>
      resolve(new Stream(message)),
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

/** Makes a request and waits for the whole answer. */
export async function ask(target: Target, path: string, options: RequestOptions = {}): Promise<Answer> {
  const stream = await open(target, path, options);
  await stream.ended(20_000);
  const { status, headers, text: body, complete } = stream;
  return { status, headers, body, complete };
}

function hexPort(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** A bare connection, for what no HTTP client would send. */
export class RawConnection {
  /** All that came so far, one character for each byte. */
  text = "";
  /** The server has ended its side. */
  ended = false;
  /** Why the connection broke, where it did. */
  error: string | undefined;
  private readonly socket: Socket;

  /** The server's and the client's port, as the kernel lists them: remembered, for a destroyed socket has none. */
  private farPorts: readonly [string, string] | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.once("connect", () => {
      const { remotePort, localPort } = socket;
      if (remotePort !== undefined && localPort !== undefined) {
        this.farPorts = [hexPort(remotePort), hexPort(localPort)];
      }
    });
    socket.setEncoding("latin1").on("data", (text: string) => {
      this.text += text;
    });
    socket.on("end", () => {
      this.ended = true;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
  }

  /** Connects. The client's side stays open when the server ends its own: it is the server that has to close. */
  static async to(target: Target): Promise<RawConnection> {
    const where = "port" in target ? { host: "127.0.0.1", port: target.port } : { path: target.socketPath };
    const socket = connect({ ...where, allowHalfOpen: true });
    const connection = new RawConnection(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return connection;
  }

  /** Resolves when the kernel has taken it, or the connection broke. */
  send(data: string | Buffer): Promise<void> {
    return new Promise((resolve) => this.socket.write(data, () => resolve()));
  }

  /** Sends no more, but still reads. */
  end(): void {
    this.socket.end();
  }

  /** Stops reading, so that the server's writes pile up. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Closes at once. */
  leave(): void {
    this.socket.destroy();
  }

  /** Closes at once and says so with a reset, as a machine does that was cut off and comes back. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** The inode of the server's socket of this TCP connection; undefined where the kernel has none (any more). */
  farInode(): number | undefined {
    if (this.farPorts === undefined) throw new Error("only a TCP connection can be looked up");
    const [server, client] = this.farPorts;
    for (const line of readFileSync("/proc/net/tcp", "latin1").split("\n")) {
      const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/);
      // Without an inode it waits to be accepted, or is closed and only remembered by the kernel.
      if (local?.endsWith(server) && remote?.endsWith(client) && inode !== "0") return Number(inode);
    }
    return undefined;
  }

  /** Whether the connection is over: ended by the server, or broken. */
  get over(): boolean {
    return this.ended || this.error !== undefined;
  }

  /** Waits until the server has sent this. */
  async has(pattern: string | RegExp, ms?: number): Promise<void> {
    await eventually(`the server sends ${pattern}`, () => this.text.match(pattern) !== null || this.over, ms);
    if (this.text.match(pattern) === null) {
      throw new Error(`the connection is over before ${pattern}: ${this.error} ${JSON.stringify(this.text)}`);
    }
  }

  /** Waits for the server's end. */
  async closed(ms?: number): Promise<void> {
    await eventually("the server closes the connection", () => this.over, ms);
  }
}
