import type { ServerResponse } from "node:http";
import { queuedEvent } from "./sse.ts";

/** Shows the client of a resumable answer its place in the queue, between the headers and the first token. */
export class QueuePlace {
  /** Let go of at the end: a request that waits on without its client still has its listener, and with that all this. */
  #raw: ServerResponse | undefined;
  #shown = false;
  #position: number | undefined;
  #sent: number | undefined;

  /** @param raw the answer's response. */
  constructor(raw: ServerResponse) {
    this.#raw = raw;
  }

  /** The answer has moved: for `onQueued`. */
  readonly moved = (position: number): void => {
    this.#position = position;
    this.#send();
  };

  /** The headers are out. */
  show(): void {
    this.#shown = true;
    this.#send();
  }

  /** The answer waits no more, or has no reader. */
  end(): void {
    this.#raw = undefined;
  }

  // At most one a second for as long as a request may wait, so there is no need to ask whether the client reads.
  #send(): void {
    if (!this.#shown || this.#position === undefined || this.#position === this.#sent) return;
    this.#sent = this.#position;
    this.#raw?.write(queuedEvent(this.#position));
  }
}
