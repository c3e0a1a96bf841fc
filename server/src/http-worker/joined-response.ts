import { type IncomingMessage, OutgoingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type GivenHeaders, groupHeaders } from "./header-list.ts";
import { keepOrder, keepsOrder, SEND_HELD, setHolding } from "./held-writes.ts";

type Callback = (error?: Error | null) => void;

/** As Node writes. Monitoring and other tools may replace the methods of Node's prototypes, which then see each write. */
const nodeWrite = OutgoingMessage.prototype.write;
const lengthOf = nodeGetter("writableLength");
const needsDrain = nodeGetter("writableNeedDrain");

/**
 * A response that joins the strings written in one turn of the event loop into one chunk and one system
 * call. A stream of small tokens costs mostly its writes; joined, tokens that arrive together leave
 * together. The first write of a response is never held back, and order is kept: a write of anything but a string
 * sends what was held first, and so does all that is done with the response's socket.
 *
 * To an app it is Node's own response. Nothing here has a public name that Node's has not: middleware puts methods
 * of its own onto responses, and would replace ours. Each method can stand on a response of another class, too
 * (`joinWritesOf`), where it does what Node's does.
 */
export class JoinedResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  // One tick sends for all responses of a turn: hundreds of streams get their token in the same one.
  static #waiting: JoinedResponse[] = [];

  #held = "";
  #drainOwed = false;
  #begun = false;
  #drainAwaited = false;

  static {
    // Node's types call these two fields, which no accessor of a class may override.
    Object.defineProperty(JoinedResponse.prototype, "writableLength", {
      configurable: true,
      get(this: ServerResponse): number {
        return #held in this ? lengthOf.call(this) + this.#held.length : lengthOf.call(this);
      },
    });
    Object.defineProperty(JoinedResponse.prototype, "writableNeedDrain", {
      configurable: true,
      get(this: ServerResponse): boolean {
        if (!(#held in this) || this.destroyed || this.writableEnded) return needsDrain.call(this);
        return this.#drainOwed || this.#drainAwaited || needsDrain.call(this);
      },
    });
    Object.defineProperty(JoinedResponse, "name", { value: ServerResponse.name });
  }

  override write(chunk: unknown, callback?: Callback): boolean;
  override write(chunk: unknown, encoding: BufferEncoding, callback?: Callback): boolean;
  override write(chunk: unknown, encoding?: BufferEncoding | Callback, callback?: Callback): boolean {
    if (#held in this) {
      if (
        typeof chunk === "string" &&
        encoding === undefined &&
        callback === undefined &&
        // One that waits for its turn on the connection has no socket, and Node holds what it writes.
        keepsOrder(this.socket) &&
        this.headersSent &&
        // Elsewhere there is little to join, and Node may refuse a text that is longer than its Content-Length says.
        this.chunkedEncoding &&
        !this.writableEnded
      ) {
        if (this.#held === "") {
          setHolding(this.socket, this);
          if (JoinedResponse.#waiting.push(this) === 1) process.nextTick(JoinedResponse.#sendAll);
        }
        this.#held += chunk;
        const room = lengthOf.call(this) + this.#held.length < this.writableHighWaterMark;
        if (!room) this.#drainOwed = true;
        return room;
      }
      this.#sendHeld();
    }
    if (typeof encoding === "function") return super.write(chunk, encoding);
    return super.write(chunk, encoding ?? "utf8", callback);
  }

  override end(callback?: () => void): this;
  override end(chunk: unknown, callback?: () => void): this;
  override end(chunk: unknown, encoding: BufferEncoding, callback?: () => void): this;
  override end(chunk?: unknown, encoding?: BufferEncoding | (() => void), callback?: () => void): this {
    if (#held in this) this.#sendHeld();
    if (typeof chunk === "function") return super.end(chunk as () => void);
    if (typeof encoding === "function") return super.end(chunk, encoding);
    return super.end(chunk, encoding ?? "utf8", callback);
  }

  // Every response has its X-Request-Id before the app sees it. With any header set, Node 20 keeps the last one only
  // of those that a list repeats, and no Node takes a list of pairs; without one all of them survive.
  override writeHead(status: number, reason?: string, headers?: GivenHeaders): this;
  override writeHead(status: number, headers?: GivenHeaders): this;
  override writeHead(status: number, reason?: string | GivenHeaders, headers?: GivenHeaders): this {
    const given = typeof reason === "string" ? headers : (headers ?? reason);
    if (#held in this && Array.isArray(given) && !this.headersSent) {
      const grouped = groupHeaders(given);
      if (grouped !== undefined) {
        for (const [name, value] of grouped) this.setHeader(name, value);
        return typeof reason === "string" ? super.writeHead(status, reason) : super.writeHead(status);
      }
    }
    if (typeof reason === "string") return super.writeHead(status, reason, headers);
    return super.writeHead(status, given);
  }

  override assignSocket(socket: Socket): void {
    keepOrder(socket);
    super.assignSocket(socket);
  }

  override detachSocket(socket: Socket): void {
    if (#held in this) this.#sendHeld();
    super.detachSocket(socket);
  }

  /** Sends what is held back. */
  [SEND_HELD](): void {
    // From 24 on Node itself holds writes back. While it has some, they came before this, and are what is being written.
    if (lengthOf.call(this) === this.socket?.writableLength) this.#sendHeld();
  }

  static #sendAll(this: void): void {
    const responses = JoinedResponse.#waiting;
    JoinedResponse.#waiting = [];
    for (const response of responses) response.#sendHeld();
  }

  #sendHeld(): void {
    const held = this.#held;
    if (held === "") return;
    this.#held = "";
    if (keepsOrder(this.socket)) setHolding(this.socket, undefined);
    const room = this.#canFrame() ? this.#sendFramed(held) : super.write(held, "utf8");
    this.#begun = true;
    // The writer was told to wait for "drain". When the socket took all of it, Node emits none, so it is emitted here. But
    // not after the end: it would have the writer write on.
    if (this.#drainOwed && room) {
      process.nextTick(() => {
        if (!this.writableEnded) this.emit("drain");
      });
    }
    this.#drainOwed = false;
  }

  // Whether nothing of the response stands between this text and the socket: its headers are out, the body is
  // chunked, neither an earlier response nor a cork holds anything back, and no tool wants to see the write.
  #canFrame(): boolean {
    const { socket } = this;
    return (
      this.#begun &&
      this.chunkedEncoding &&
      socket?.writable === true &&
      this.writableCorked === 0 &&
      lengthOf.call(this) === socket.writableLength &&
      super.write === nodeWrite &&
      this.req.method !== "HEAD"
    );
  }

  // Node writes a chunk as four pieces, which costs more than the token in it; here it is one string.
  #sendFramed(text: string): boolean {
    const { socket } = this;
    if (socket === null) return true;
    const bytes = Buffer.byteLength(text);
    const frame = `${bytes.toString(16)}\r\n${text}\r\n`;
    const room = socket.write(frame, bytes === text.length ? "latin1" : "utf8");
    if (!room && !this.#drainAwaited) {
      this.#drainAwaited = true;
      socket.once("drain", () => {
        this.#drainAwaited = false;
        if (!this.writableEnded) this.emit("drain");
      });
    }
    return room;
  }
}

/**
 * Has an Express app's responses join their writes. Express gives each response the app's own prototype, behind
 * which ours would be gone. Other apps of the process share what is above that prototype, so it stays as it is, and
 * a layer of this app's own comes between.
 * @param app the app that was exported. One that has no response prototype of its own is left alone.
 */
export function joinWritesOf(app: object): void {
  const prototype: unknown = Object.getOwnPropertyDescriptor(app, "response")?.value;
  // An object that names another app, or none, may belong to several.
  if (!(prototype instanceof ServerResponse) || Reflect.get(prototype, "app") !== app) return;
  const above: unknown = Object.getPrototypeOf(prototype);
  const { constructor: _, ...joined } = Object.getOwnPropertyDescriptors(JoinedResponse.prototype);
  // A method that middleware has replaced there must still be called.
  const isNodes = Object.keys(joined).every(
    (name) => describe(above, name)?.value === describe(ServerResponse.prototype, name)?.value,
  );
  if (isNodes) Reflect.setPrototypeOf(prototype, Object.create(above as object, joined));
}

function nodeGetter<Name extends "writableLength" | "writableNeedDrain">(
  name: Name,
): (this: ServerResponse) => ServerResponse[Name] {
  const getter = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, name)?.get;
  if (getter === undefined) throw new Error(`Node's responses have no ${name}.`);
  return getter;
}

/** The property of that name, on the object or above it. */
function describe(object: unknown, name: string): PropertyDescriptor | undefined {
  for (let at = object; typeof at === "object" && at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name);
    if (found !== undefined) return found;
  }
  return undefined;
}
