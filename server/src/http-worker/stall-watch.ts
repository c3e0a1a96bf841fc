import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { LookTimer } from "./look-timer.ts";

/** What Node's socket handles have and its documentation does not name; its own `socket.setTimeout` reads it. */
interface Handle {
  /** Bytes of the write in progress that the kernel has not taken yet. */
  readonly writeQueueSize?: number;
  /** Bytes that were handed over for writing. */
  readonly bytesWritten?: number;
}

/** What the watch looks at of a connection. */
export interface Answering {
  /** Its responses in progress, the one that is being sent first. */
  readonly responses: Iterable<ServerResponse>;
}

/** A connection with bytes that the kernel does not take. */
interface Waiting {
  /** Bytes of the connection that the kernel had taken when it was first seen like this. */
  readonly taken: number;
  /** How often it was seen like this since. */
  steps: number;
}

/**
 * Finds the connections whose client takes nothing of an answer that waits for it.
 *
 * Progress is that the kernel takes a byte more of the connection. So a client is only judged once its answer has
 * filled the kernel's buffers on both machines (from some 100 KB to a few MB); what fits into them waits unseen,
 * costs this process nothing, and ends with its run and its keep-alive. The kernel asks for more when about a
 * third of its own buffer is free again: a client that reads is safe when it takes that much within the limit.
 *
 * Time is counted in looks ({@link LookTimer}). A connection that does not wait costs a look at a number.
 */
export class StallWatch {
  private readonly connections: ReadonlyMap<Socket, Answering>;
  private readonly timer: LookTimer;
  private readonly stalled: (socket: Socket, response: ServerResponse) => void;
  private waiting = new Map<Socket, Waiting>();

  /**
   * @param connections those that are open, with their responses in progress; one without any is left alone, so
   *   are upgraded ones.
   * @param seconds how long a client may take nothing; 0: for ever.
   * @param stalled is told once of each, with the response that does not get through. It must end the connection.
   */
  constructor(
    connections: ReadonlyMap<Socket, Answering>,
    seconds: number,
    stalled: (socket: Socket, response: ServerResponse) => void,
  ) {
    this.connections = connections;
    this.timer = new LookTimer(seconds, () => this.look());
    this.stalled = stalled;
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
    for (const [socket, { responses }] of this.connections) {
      const handle = handleOf(socket);
      if (handle === null || (handle.writeQueueSize ?? socket.writableLength) === 0) continue;
      const [response] = responses;
      if (response === undefined) continue;
      const taken = (handle.bytesWritten ?? 0) - (handle.writeQueueSize ?? socket.writableLength);
      const last = before.get(socket);
      if (last === undefined || last.taken !== taken) waiting.set(socket, { taken, steps: 0 });
      else if (++last.steps < this.timer.steps) waiting.set(socket, last);
      else this.stalled(socket, response);
    }
    this.waiting = waiting;
  }
}

function handleOf(socket: Socket): Handle | null {
  return (socket as unknown as { readonly _handle?: Handle | null })._handle ?? null;
}
