import type { Connection } from "../protocol/connection.ts";
import { DirtyProtocolError, DirtyWorkerError } from "../protocol/errors.ts";
import type { RequestId } from "../protocol/header.ts";
import { MSG, type Run as RunMessage, readBytes, readDict, readRun } from "../protocol/messages.ts";
import { readAttach, readEndStream, STREAM_MSG } from "../protocol/stream-messages.ts";
import type { Incoming } from "./run-output.ts";
import type { StreamStore } from "./stream-store.ts";

/** What a session asks of its worker. */
export interface ClientSessionOwner {
  readonly streams: StreamStore;
  /**
   * Takes a run, or sends NACK.
   * @param done called when the client's id means nothing any more.
   */
  take(message: RunMessage, connection: Connection, id: number, done: () => void): Incoming | undefined;
}

/** What one client of the worker has going: its runs, and the streams that it reads. */
export class ClientSession {
  private readonly owner: ClientSessionOwner;
  private readonly connection: Connection;
  private readonly incoming = new Map<RequestId, Incoming>();

  constructor(owner: ClientSessionOwner, connection: Connection) {
    this.owner = owner;
    this.connection = connection;
  }

  /**
   * Takes a message of the client.
   * @throws DirtyProtocolError when a client may not send it.
   */
  receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    switch (type) {
      case MSG.RUN:
        this.run(id, readRun(readDict(buffer, start, end)));
        return;
      case MSG.CANCEL:
        this.incoming.get(id)?.abort(new DirtyWorkerError("The call was cancelled."));
        return;
      case MSG.CREDIT: {
        // Read also where the id has ended: what is no CREDIT ends the connection, whenever it comes.
        const bytes = readBytes(readDict(buffer, start, end));
        this.incoming.get(id)?.grant(bytes);
        return;
      }
      case STREAM_MSG.ATTACH:
        this.attach(id, readDict(buffer, start, end));
        return;
      case STREAM_MSG.END_STREAM:
        this.endStream(id, readDict(buffer, start, end));
        return;
      default:
        throw new DirtyProtocolError(`A dirty worker takes no message of type 0x${type.toString(16)}.`);
    }
  }

  /** The client is gone: its runs are cancelled, its streams have a reader less. */
  closed(): void {
    for (const one of [...this.incoming.values()]) one.abort(new DirtyWorkerError("The client is gone."));
    this.incoming.clear();
  }

  private run(id: RequestId, message: RunMessage): void {
    if (typeof id !== "number") {
      this.connection.send(MSG.NACK, id);
      return;
    }
    // The run may be over before this returns.
    let over = false;
    const run = this.owner.take(message, this.connection, id, () => {
      over = true;
      this.incoming.delete(id);
    });
    if (run !== undefined && !over) this.incoming.set(id, run);
  }

  private attach(id: RequestId, dict: Record<string, unknown>): void {
    const attach = readAttach(dict);
    this.find(id, attach.slot, attach.stream, (stream) => {
      const reader = stream?.attach(this.connection, id, attach, () => this.incoming.delete(id));
      if (stream === undefined) this.connection.send(MSG.NACK, id);
      else if (reader !== undefined) this.incoming.set(id, reader);
    });
  }

  private endStream(id: RequestId, dict: Record<string, unknown>): void {
    const { stream: name, slot = 0 } = readEndStream(dict);
    this.find(id, slot, name, (stream) => {
      stream?.cancel();
      if (stream === undefined) this.connection.send(MSG.NACK, id);
      else this.connection.send(MSG.RESPONSE, id, { result: null });
    });
  }

  private find(id: RequestId, slot: number, name: string, settle: Parameters<StreamStore["find"]>[2]): void {
    let settled = false;
    const giveUp = this.owner.streams.find(slot, name, (stream) => {
      settled = true;
      this.incoming.delete(id);
      settle(stream);
    });
    if (settled) return;
    const abort = (): void => {
      giveUp();
      this.incoming.delete(id);
    };
    this.incoming.set(id, { abort, grant: () => {} });
  }
}
