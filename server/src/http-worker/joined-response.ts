import { type IncomingMessage, ServerResponse } from "node:http";

type Callback = (error?: Error | null) => void;

// One tick sends for all responses of a turn: hundreds of streams get their token in the same one.
let waiting: JoinedResponse[] = [];

function sendAtEndOfTurn(response: JoinedResponse): void {
  if (waiting.push(response) === 1) process.nextTick(sendAll);
}

function sendAll(): void {
  const responses = waiting;
  waiting = [];
  for (const response of responses) response.flush();
}

/**
 * A response that joins the strings written in one turn of the event loop into one chunk and one system
 * call. A stream of small tokens costs mostly its writes; joined, tokens that arrive together leave
 * together. The first write of a response is never held back, and order is kept: whatever is no plain string
 * sends what was held first.
 */
export class JoinedResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  private held = "";
  private drainOwed = false;
  private begun = false;
  private drainAwaited = false;

  override write(chunk: unknown, callback?: Callback): boolean;
  override write(chunk: unknown, encoding: BufferEncoding, callback?: Callback): boolean;
  override write(chunk: unknown, encoding?: BufferEncoding | Callback, callback?: Callback): boolean {
    if (
      typeof chunk === "string" &&
      encoding === undefined &&
      callback === undefined &&
      this.headersSent &&
      !this.writableEnded
    ) {
      if (this.held === "") sendAtEndOfTurn(this);
      this.held += chunk;
      const room = this.writableLength + this.held.length < this.writableHighWaterMark;
      if (!room) this.drainOwed = true;
      return room;
    }
    this.flush();
    if (typeof encoding === "function") return super.write(chunk, encoding);
    return super.write(chunk, encoding ?? "utf8", callback);
  }

  override end(callback?: () => void): this;
  override end(chunk: unknown, callback?: () => void): this;
  override end(chunk: unknown, encoding: BufferEncoding, callback?: () => void): this;
  override end(chunk?: unknown, encoding?: BufferEncoding | (() => void), callback?: () => void): this {
    this.flush();
    if (typeof chunk === "function") return super.end(chunk as () => void);
    if (typeof encoding === "function") return super.end(chunk, encoding);
    return super.end(chunk, encoding ?? "utf8", callback);
  }

  /** Sends what is held. */
  flush(): void {
    const { held } = this;
    if (held === "") return;
    this.held = "";
    const room = this.canFrame() ? this.sendFramed(held) : super.write(held, "utf8");
    this.begun = true;
    // The writer was told to wait for "drain". When the socket took all of it there will be none. After the end
    // there must be none: it would have the writer write on.
    if (this.drainOwed && room) {
      process.nextTick(() => {
        if (!this.writableEnded) this.emit("drain");
      });
    }
    this.drainOwed = false;
  }

  // Whether nothing of the response stands between this text and the socket: its headers are out, the body is
  // chunked, and neither an earlier response nor a cork holds anything back.
  private canFrame(): boolean {
    const { socket } = this;
    return (
      this.begun &&
      this.chunkedEncoding &&
      socket?.writable === true &&
      this.writableCorked === 0 &&
      this.writableLength === socket.writableLength &&
      this.req.method !== "HEAD"
    );
  }

  // Node writes a chunk as four pieces, which costs more than the token in it; here it is one string.
  private sendFramed(text: string): boolean {
    const { socket } = this;
    if (socket === null) return true;
    const bytes = Buffer.byteLength(text);
    const frame = `${bytes.toString(16)}\r\n${text}\r\n`;
    const room = socket.write(frame, bytes === text.length ? "latin1" : "utf8");
    if (!room && !this.drainAwaited) {
      this.drainAwaited = true;
      socket.once("drain", () => {
        this.drainAwaited = false;
        if (!this.writableEnded) this.emit("drain");
      });
    }
    return room;
  }
}
