import type { Connection } from "../protocol/connection.ts";
import { DirtyStreamGoneError } from "../protocol/errors.ts";
import type { RequestId } from "../protocol/header.ts";
import { MSG } from "../protocol/messages.ts";
import { WINDOW } from "../protocol/window.ts";
import type { ReplayBuffer } from "./replay-buffer.ts";
import type { Incoming } from "./run-output.ts";

/** What a reader tells of itself. */
export interface StreamReaderOwner {
  /** It has credit again, after it had none. */
  ready(reader: StreamReader): void;
  /** Its client left. */
  left(reader: StreamReader): void;
}

/** One client's reading of a resumable stream: how far it is, and how much it takes. */
export class StreamReader implements Incoming {
  readonly connection: Connection;
  readonly id: RequestId;
  /** Called when the client's id means nothing any more. */
  readonly done: () => void;
  private readonly owner: StreamReaderOwner;
  private next: number;
  private credit = WINDOW;

  /** @param next number of the first chunk that it wants. */
  constructor(
    owner: StreamReaderOwner,
    connection: Connection,
    id: RequestId,
    next: number,
    done: () => void,
  ) {
    this.owner = owner;
    this.connection = connection;
    this.id = id;
    this.next = next;
    this.done = done;
  }

  /** Whether it takes more right now: then it has all that is there. */
  get open(): boolean {
    return this.credit > 0;
  }

  /**
   * Sends what is there, as far as the client takes it.
   * @returns whether it has all that is there.
   * @throws DirtyStreamGoneError when its next chunk is not kept any more.
   */
  pump(buffer: ReplayBuffer): boolean {
    while (this.credit > 0 && this.next < buffer.end) {
      const chunk = buffer.at(this.next);
      if (chunk === undefined) throw tooSlow();
      this.credit -= this.connection.sendEncoded(MSG.CHUNK, this.id, chunk.memory, chunk.start, chunk.end);
      this.next++;
    }
    return this.next >= buffer.end;
  }

  abort(): void {
    this.owner.left(this);
  }

  grant(bytes: number): void {
    this.credit = Math.min(WINDOW, this.credit + bytes);
    if (this.credit > 0) this.owner.ready(this);
  }
}

function tooSlow(): DirtyStreamGoneError {
  return new DirtyStreamGoneError(
    "The next chunks of the stream are not kept any more: it went on without this reader.",
  );
}
