import type { Connection } from "../protocol/connection.ts";
import { DirtyError, DirtyProtocolError } from "../protocol/errors.ts";
import type { RequestId } from "../protocol/header.ts";
import { MSG } from "../protocol/messages.ts";
import { readStash, type StashRequest } from "../protocol/stash-messages.ts";
import type { Stash } from "./stash.ts";

// A client that does not read its answers waits from here on, instead of filling this process's memory.
const MAX_BACKLOG = 1024 * 1024;

/** Serves one of this server's own processes that uses the stash. */
export class StashSession {
  private readonly stash: Stash;
  private readonly connection: Connection;
  private readonly client: string | undefined;
  private waiting: { id: RequestId; request: StashRequest }[] = [];
  private held = false;

  constructor(stash: Stash, connection: Connection, client: string | undefined) {
    this.stash = stash;
    this.connection = connection;
    this.client = client;
  }

  /**
   * Takes a message of the client.
   * @throws DirtyProtocolError when it is not STASH.
   */
  receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    if (type !== MSG.STASH) {
      throw new DirtyProtocolError(`A stash connection carries no message of type 0x${type.toString(16)}.`);
    }
    let request: StashRequest;
    try {
      request = readStash(buffer, start, end);
    } catch (error) {
      if (!(error instanceof DirtyError) || error instanceof DirtyProtocolError) throw error;
      this.connection.sendError(id, error);
      return;
    }
    // What was read in the same piece as the one that filled the backlog waits here.
    if (this.held) this.waiting.push({ id, request });
    else this.answer(id, request);
  }

  private answer(id: RequestId, request: StashRequest): void {
    const { connection } = this;
    const answered = this.stash.answer(connection, id, request, this.client);
    if (answered !== undefined) {
      // Others have their turn meanwhile, and this client one such answer at a time.
      this.hold();
      void answered.then(() => connection.drained(() => this.goOn()));
      return;
    }
    if (connection.backlog <= MAX_BACKLOG || !connection.open) return;
    this.hold();
    connection.drained(() => this.goOn());
  }

  private hold(): void {
    this.held = true;
    this.connection.pause();
  }

  private goOn(): void {
    this.held = false;
    const { waiting } = this;
    this.waiting = [];
    for (const { id, request } of waiting) {
      if (this.held) this.waiting.push({ id, request });
      else this.answer(id, request);
    }
    if (!this.held) this.connection.resume();
  }
}
