/** One end of a connection that a test plays by hand: it sends what it is told to, and keeps what it gets. */
import { connect, type Socket } from "node:net";
import { FrameReader } from "../../src/protocol/frame-reader.ts";
import { FrameWriter } from "../../src/protocol/frame-writer.ts";
import type { RequestId } from "../../src/protocol/header.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { decodeTlv } from "../../src/protocol/tlv-reader.ts";

// On a busy machine all takes ten times longer.
const PATIENCE_MS = 60_000;

/** A frame that came, its payload decoded. */
export interface Frame {
  readonly type: number;
  readonly id: RequestId;
  /** The payload; an empty dict where it is not a dict. */
  readonly dict: Readonly<Record<string, unknown>>;
  /** When it came, `Date.now()`. */
  readonly at: number;
}

/** A peer on the wire. */
export class WirePeer {
  /** All that came so far. */
  readonly frames: Frame[] = [];
  /** The other side has ended, or the connection has broken. */
  closed = false;
  private readonly socket: Socket;
  private readonly writer = new FrameWriter();
  private taken = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader((type, id, buffer, start, end) => {
      const value = start === end ? {} : decodeTlv(buffer, start, end);
      this.frames.push({ type, id, dict: value as Frame["dict"], at: Date.now() });
    });
    socket.on("data", (data: Buffer) => reader.push(data));
    socket.on("error", () => {});
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.closed = true;
      });
    }
  }

  /** Connects to a socket of the server. */
  static async to(path: string): Promise<WirePeer> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new WirePeer(socket);
  }

  /** Sends also values of types that Gunicorn does not know, as the processes of one server do. */
  speakOurs(): this {
    this.writer.reader = "ours";
    return this;
  }

  /** Sends frames in one write. */
  send(...frames: [type: number, id: RequestId, value?: unknown][]): void {
    for (const [type, id, value] of frames) this.writer.frame(type, id, value);
    this.sendBytes(Buffer.concat(this.writer.take()));
  }

  /** Sends bytes, whatever they mean. */
  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Waits for the next frame of a type; frames of other types before it are passed over. */
  async next(type: number, ms = PATIENCE_MS): Promise<Frame> {
    let found: Frame | undefined;
    await until(
      () => `a frame of type ${nameOf(type)}; there were ${this.frames.map((one) => nameOf(one.type))}`,
      () => {
        const at = this.frames.findIndex((one, index) => index >= this.taken && one.type === type);
        found = this.frames[at];
        if (at !== -1) this.taken = at + 1;
        return at !== -1;
      },
      ms,
    );
    if (found === undefined) throw new Error("no frame");
    return found;
  }

  /** All frames of a type so far, also those that `next` gave. */
  all(type: number): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** Waits until all that was sent here has been handled there: the answer to something harmless is back. */
  async end(ms?: number): Promise<void> {
    await until(
      () => "the other side closes",
      () => this.closed,
      ms,
    );
  }

  /** Reads nothing until `resume()`. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Sends no more, but reads on. */
  halfClose(): void {
    this.socket.end();
  }

  /** Closes, once all that was sent has left. */
  leave(): void {
    this.socket.destroySoon();
  }

  /** Closes at once. */
  destroy(): void {
    this.socket.destroy();
  }
}

/** Waits until something holds. @throws Error with `what` when it does not in time. */
export async function until(what: () => string, condition: () => boolean, ms = PATIENCE_MS): Promise<void> {
  const deadline = Date.now() + ms;
  // What takes longer is looked at less often: the looks of many tests cost more than what they wait for.
  for (let pause = 2; !condition(); pause = Math.min(20, pause * 1.2)) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** A message type's name, for a test's own errors. */
export function nameOf(type: number): string {
  return Object.entries(MSG).find((entry) => entry[1] === type)?.[0] ?? `0x${type.toString(16)}`;
}
