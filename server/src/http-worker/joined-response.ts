import { type IncomingMessage, ServerResponse } from "node:http";

type Callback = (error?: Error | null) => void;

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
      if (this.held === "") process.nextTick(JoinedResponse.flush, this);
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

  private static flush(response: JoinedResponse): void {
    response.flush();
  }

  private flush(): void {
    const { held } = this;
    if (held === "") return;
    this.held = "";
    const room = super.write(held, "utf8");
    // The writer was told to wait for "drain". When the socket took all of it there will be none.
    if (this.drainOwed && room) process.nextTick(() => this.emit("drain"));
    this.drainOwed = false;
  }
}
