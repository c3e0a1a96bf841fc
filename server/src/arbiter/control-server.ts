import { createServer, type Server, type Socket } from "node:net";
import type { SocketFile } from "../process/channel.ts";
import { explain } from "../process/explain.ts";
import { findCommand } from "./control-commands.ts";
import type { ControlTarget } from "./control-target.ts";
import { ListeningSocket } from "./listening-socket.ts";

/** Most bytes of a request's line. */
const MAX_LINE = 64 * 1024;
const MAX_CONNECTIONS = 16;
/** ms that a client gets to send its next line, or to take an answer. */
const IDLE_MS = 10_000;

/**
 * The control socket: one JSON object a line. A request is `{"command":["show","workers"]}`, its answer
 * `{"ok":true,"result":…}` or `{"ok":false,"error":"…"}`. Each client's commands are carried out one after the
 * other. The socket's file is its owner's alone (0600), and that is who may command.
 */
export class ControlServer {
  private readonly target: ControlTarget;
  private readonly listening: ListeningSocket;
  private readonly server: Server;
  private readonly clients = new Set<Client>();

  private constructor(listening: ListeningSocket, target: ControlTarget) {
    this.listening = listening;
    this.target = target;
    // A script may end its side with its last line and still read.
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.accept(socket));
  }

  /**
   * Listens on a path. A socket file without a listener is replaced.
   * @throws Error that names the path and why it cannot be listened on.
   */
  static async open(path: string, target: ControlTarget): Promise<ControlServer> {
    const listening = await ListeningSocket.bindPath(path, { mode: 0o600 });
    const server = new ControlServer(listening, target);
    await new Promise<void>((resolve, reject) => {
      // It stays: a connection that cannot be accepted must not end the arbiter.
      server.server.on("error", reject);
      listening.serve(server.server, resolve);
    }).catch((error: unknown) => {
      listening.close();
      throw error;
    });
    return server;
  }

  /** The socket's file. */
  get file(): SocketFile | undefined {
    return this.listening.file;
  }

  /** The address for people. */
  get url(): string {
    return this.listening.url;
  }

  /** Closes the socket and every connection, and removes the file. */
  close(): void {
    this.server.close();
    this.listening.close();
    for (const client of this.clients) client.close();
  }

  private accept(socket: Socket): void {
    if (this.clients.size >= MAX_CONNECTIONS) {
      // An idle connection makes room: else a few forgotten ones would lock the operator out.
      const clients = [...this.clients];
      const least = clients.find((client) => !client.busy) ?? clients.find((client) => client.ended);
      if (least === undefined) {
        socket.on("error", () => {});
        socket.end(answer({ error: `${MAX_CONNECTIONS} commands are being carried out already` }));
        socket.destroySoon();
        return;
      }
      // At once: its end is told later, and meanwhile the next one would take the same one's place.
      this.clients.delete(least);
      least.close();
    }
    const client = new Client(socket, this.target, () => this.clients.delete(client));
    this.clients.add(client);
  }
}

/** One connection. */
class Client {
  /** A command of it is being carried out. */
  busy = false;
  /** It has ended its side: it may have gone. */
  ended = false;
  private readonly socket: Socket;
  private readonly target: ControlTarget;
  private buffer: Buffer = Buffer.alloc(0);
  private idle: NodeJS.Timeout | undefined;

  constructor(socket: Socket, target: ControlTarget, closed: () => void) {
    this.socket = socket;
    this.target = target;
    this.wait();
    socket.on("data", (data: Buffer) => {
      this.buffer = this.buffer.length === 0 ? data : Buffer.concat([this.buffer, data]);
      // Up to this much is read ahead, because only a side that reads sees that the other has gone.
      if (this.buffer.length > MAX_LINE) socket.pause();
      void this.work();
    });
    socket.on("end", () => {
      this.ended = true;
      void this.work();
    });
    // A client that goes away in the middle has said all that it will; what it began goes on.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(this.idle);
      closed();
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private wait(): void {
    clearTimeout(this.idle);
    if (this.socket.destroyed) return;
    this.idle = setTimeout(() => this.socket.destroy(), IDLE_MS);
  }

  private async work(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    let line = this.nextLine();
    if (line !== undefined) {
      clearTimeout(this.idle);
      for (; line !== undefined; line = this.nextLine()) await this.serve(line);
      // Counted from line to line, so that a client which sends byte by byte does not stay for ever.
      this.wait();
    }
    this.busy = false;
    if (this.buffer.length > MAX_LINE) this.refuse(`a line may have ${MAX_LINE} bytes`);
    else if (this.ended) this.socket.end();
    this.socket.resume();
  }

  private nextLine(): string | undefined {
    const end = this.buffer.indexOf(0x0a);
    if (end === -1 || end > MAX_LINE || this.socket.writableEnded || this.socket.destroyed) return undefined;
    const line = this.buffer.toString("utf8", 0, end);
    this.buffer = this.buffer.subarray(end + 1);
    return line;
  }

  private async serve(line: string): Promise<void> {
    const words = readRequest(line);
    if (words === undefined) {
      this.refuse('a request is one line: {"command":["show","workers"]}');
      return;
    }
    let text: string;
    try {
      const { command, args } = findCommand(words);
      text = answer({ result: await command.run(this.target, ...args) });
    } catch (error) {
      text = answer({ error: explain(error) });
    }
    if (this.socket.destroyed || this.socket.write(text)) return;
    this.wait();
    await this.drained();
    clearTimeout(this.idle);
  }

  private drained(): Promise<void> {
    const { socket } = this;
    return new Promise((resolve) => {
      const over = (): void => {
        socket.off("drain", over).off("close", over);
        resolve();
      };
      socket.on("drain", over).on("close", over);
    });
  }

  /** Says what is wrong with what was sent, and hears no more of it. */
  private refuse(error: string): void {
    this.buffer = Buffer.alloc(0);
    if (!this.socket.writableEnded) this.socket.end(answer({ error }));
    this.socket.removeAllListeners("data");
    // Still read, and dropped: a reset would take the answer from the client.
    this.socket.resume();
  }
}

function answer(what: { result: unknown } | { error: string }): string {
  return `${JSON.stringify({ ok: "result" in what, ...what })}\n`;
}

/** The words of a request; undefined when it is not a request. */
function readRequest(line: string): string[] | undefined {
  try {
    const request: unknown = JSON.parse(line);
    if (typeof request !== "object" || request === null || !("command" in request)) return undefined;
    const { command } = request;
    return Array.isArray(command) && command.every((word) => typeof word === "string") ? command : undefined;
  } catch {
    return undefined;
  }
}
