import type { ServerResponse } from "node:http";
import { type Readable, Transform } from "node:stream";

/** A body for which there is no room beside those of other requests; answered with 503. */
export class BodyRoomError extends Error {
  override readonly name = "BodyRoomError";
  readonly statusCode = 503;
}

/**
 * The room that this process has for the bodies of all requests in progress together. Each is within its own limit, but
 * two hundred large ones at once would fill the memory.
 *
 * What counts is what has arrived and not what was announced, so a slow upload takes no room from others. Room is given back when its answer
 * has ended, since until then what the request says is kept. A body that finds no room fails at once and gives back what it has, so none waits for another.
 */
export class BodyRoom {
  readonly #most: number;
  #taken = 0;

  /** @param most bytes of all bodies together. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes that are taken. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * The body of a request as it is to be read. It fails with a {@link BodyRoomError} when there is no room for what
   * comes next; the rest is then read from the client and dropped, so that it gets to see its answer.
   */
  admit(body: Readable, answer: ServerResponse): Readable {
    let taken = 0;
    const giveBack = (): void => {
      this.#taken -= taken;
      taken = 0;
    };
    const drop = (): void => {
      body.unpipe(admitted);
      body.resume();
      giveBack();
    };
    const admitted = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        if (this.#taken + chunk.length > this.#most) {
          done(
            new BodyRoomError("The bodies of the requests in progress take all the room there is for them."),
          );
          return;
        }
        taken += chunk.length;
        this.#taken += chunk.length;
        done(null, chunk);
      },
    });
    // Also where it is not read any more, because it was refused for something else.
    admitted.on("error", drop);
    answer.once("close", drop);
    // A request that breaks off has an error of its own, which ends its answer.
    body.once("error", (error) => admitted.destroy(error));
    return body.pipe(admitted);
  }
}
