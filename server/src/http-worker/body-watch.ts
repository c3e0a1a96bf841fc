import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { LookTimer } from "./look-timer.ts";

/** Bytes of a body that buy its client another second, as Apache's MinRate has it. */
const BYTES_A_SECOND = 500;

/** What the watch looks at of a connection. */
export interface Receiving {
  /** The request whose body is being received; undefined: none, or one that waits for its turn. */
  readonly receiving: IncomingMessage | undefined;
}

interface Waiting {
  readonly request: IncomingMessage;
  /** Bytes that the connection had received when its body was first seen to be incomplete. */
  readonly received: number;
  /** How often it was seen like this. */
  looks: number;
}

/**
 * Finds the clients that are too slow to send a body. Each has the time limit, and a second more for every 500
 * bytes that it sends: an upload that progresses is never cut, and one that drips in (slow-loris) is.
 *
 * Time is counted in looks ({@link LookTimer}); that in which the app did not read what had come does not count either.
 */
export class BodyWatch {
  private readonly connections: ReadonlyMap<Socket, Receiving>;
  private readonly seconds: number;
  private readonly timer: LookTimer;
  private readonly late: (socket: Socket) => void;
  private waiting = new Map<Socket, Waiting>();

  /**
   * @param connections those that are open.
   * @param seconds the time for a whole body.
   * @param late is told of each that is over its time. It must end the connection.
   */
  constructor(connections: ReadonlyMap<Socket, Receiving>, seconds: number, late: (socket: Socket) => void) {
    this.connections = connections;
    this.seconds = seconds;
    this.timer = new LookTimer(seconds, () => this.look());
    this.late = late;
  }

  /** Begins to watch. */
  start(): void {
    this.timer.start();
  }

  /** Watches no more. */
  stop(): void {
    this.timer.stop();
    this.waiting.clear();
  }

  private look(): void {
    const before = this.waiting;
    // Made anew each time, so that nothing is kept of connections that closed.
    const waiting = new Map<Socket, Waiting>();
    for (const [socket, { receiving: request }] of this.connections) {
      if (request === undefined || request.complete) continue;
      const last = before.get(socket);
      const seen = last?.request === request ? last : { request, received: socket.bytesRead, looks: -1 };
      // Past this Node reads no more: the client could not send if it would.
      if (request.readableLength < request.readableHighWaterMark) seen.looks++;
      const earned = (socket.bytesRead - seen.received) / BYTES_A_SECOND;
      if (seen.looks * this.timer.stepS < this.seconds + earned) waiting.set(socket, seen);
      else this.late(socket);
    }
    this.waiting = waiting;
  }
}
