import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Connection } from "../../src/protocol/connection.ts";
import { collector, type Seen } from "./bytes.ts";

/** A connection under test, with all that its owner was told. */
export interface Owned {
  connection: Connection;
  socket: Socket;
  frames: Seen[];
  /** The errors that `closed` was called with, one for each call. */
  closings: (Error | undefined)[];
}

/** The bare socket at the other end, and what came out of it. */
export interface Peer {
  socket: Socket;
  frames: Seen[];
  /** Set when the other side has ended, or the socket has closed. */
  ended: boolean;
}

/** Unix sockets in a folder of their own, which `close()` removes with all that is open. */
export class Sockets {
  private readonly folder: string;
  private readonly server: Server;
  private readonly open: Socket[] = [];
  private accept: ((socket: Socket) => void) | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    this.server = createServer((socket) => this.accept?.(socket));
  }

  static async create(): Promise<Sockets> {
    const folder = await mkdtemp(join(tmpdir(), "ts-"));
    const sockets = new Sockets(folder);
    await new Promise<void>((resolve) => sockets.server.listen(join(folder, "s"), resolve));
    return sockets;
  }

  /** Two ends of one connection; the second one was accepted. */
  async pair(): Promise<[Socket, Socket]> {
    const accepted = this.accepted();
    const near = this.connecting();
    const [far] = await Promise.all([
      accepted,
      new Promise<void>((resolve) => near.once("connect", resolve)),
    ]);
    return [near, far];
  }

  /** A socket that has only begun to connect. */
  connecting(): Socket {
    return this.keep(connect(join(this.folder, "s")));
  }

  /** The other end of the next socket that connects. */
  accepted(): Promise<Socket> {
    return new Promise((resolve) => {
      this.accept = (socket) => resolve(this.keep(socket));
    });
  }

  private keep(socket: Socket): Socket {
    this.open.push(socket);
    // Without a listener, an error that a test provokes at a bare end would end the test run.
    socket.on("error", () => {});
    return socket;
  }

  /** A connection under test and a bare socket at its other end, which reads unless `reading` is false. */
  async connection({
    reading = true,
    frame,
  }: {
    reading?: boolean;
    frame?: (owned: Owned, seen: Seen) => void;
  } = {}): Promise<{ owned: Owned; peer: Peer }> {
    const [near, far] = await this.pair();
    const peer: Peer = { socket: far, frames: [], ended: false };
    if (reading) {
      const { reader, seen } = collector();
      peer.frames = seen;
      far.on("data", (chunk: Buffer) => reader.push(chunk));
    }
    far.on("end", () => {
      peer.ended = true;
    });
    far.on("close", () => {
      peer.ended = true;
    });
    return { owned: own(near, frame), peer };
  }

  async close(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Puts a connection on a socket. */
export function own(socket: Socket, frame?: (owned: Owned, seen: Seen) => void): Owned {
  const frames: Seen[] = [];
  const closings: (Error | undefined)[] = [];
  const connection = new Connection(socket, {
    frame: (type, id, buffer, start, end) => {
      const seen = { type, id, payload: Buffer.from(buffer.subarray(start, end)) };
      frames.push(seen);
      frame?.(owned, seen);
    },
    closed: (error) => closings.push(error),
  });
  const owned: Owned = { connection, socket, frames, closings };
  return owned;
}

/** Waits until `check` holds. @throws after five seconds, with `what` it waited for. */
export async function until(what: string, check: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`Not within 5 s: ${what}`);
    await turn();
  }
}

/** Lets the event loop turn once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
