import { parseAppSpec } from "../config/app-spec.ts";
import { Call } from "../dirty/call.ts";
import type { CallContext } from "../dirty/call-context.ts";
import type { Connection } from "../protocol/connection.ts";
import { DirtyAppNotFoundError, DirtyError, DirtyProtocolError } from "../protocol/errors.ts";
import { HEADER_SIZE, type RequestId } from "../protocol/header.ts";
import { MSG, type Request, readDict, readRequest } from "../protocol/messages.ts";
import { readStash, type StashRequest } from "../protocol/stash-messages.ts";
import { manage, type Office, status } from "./gateway-office.ts";
import type { Stash } from "./stash.ts";

// A client that does not read stops its stream here instead of filling this process's memory.
const MAX_BACKLOG = 256 * 1024;
// More than this behind the running request stays in the socket. Up to it is read, because only a side that
// reads sees that the client has left.
const MAX_WAITING = 256 * 1024;

/** What waits for its turn, because each answer comes in the order of what it answers. */
interface Asked {
  readonly id: RequestId;
  readonly bytes: number;
  /** Sends its answer, or throws what is sent as its error. */
  readonly answer: () => void | Promise<void>;
}

/**
 * Serves one client that knows only Gunicorn's part of the protocol: one message at a time, requests relayed with
 * the same calls that HTTP workers make. It grants no slots of its own.
 */
export class GatewaySession {
  private readonly connection: Connection;
  private readonly context: CallContext;
  private readonly office: Office;
  private readonly stash: Stash;
  private readonly waiting: Asked[] = [];
  private waitingBytes = 0;
  private serving = false;
  private call: Call | undefined;

  constructor(connection: Connection, context: CallContext, office: Office, stash: Stash) {
    this.connection = connection;
    this.context = context;
    this.office = office;
    this.stash = stash;
  }

  /**
   * Takes a message of the client.
   * @throws DirtyProtocolError when such a client may not send it.
   */
  receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    const { connection, office } = this;
    const enqueue = (answer: Asked["answer"]): void =>
      this.enqueue({ id, bytes: HEADER_SIZE + end - start, answer });
    switch (type) {
      case MSG.REQUEST: {
        const request = readRequest(readDict(buffer, start, end));
        enqueue(() => this.relay(id, request));
        return;
      }
      case MSG.STASH: {
        const request = readStashOrError(buffer, start, end);
        enqueue(() => {
          if (request instanceof DirtyError) throw request;
          return this.stash.answer(connection, id, request);
        });
        return;
      }
      case MSG.STATUS:
        enqueue(() => connection.send(MSG.RESPONSE, id, { result: status(office) }));
        return;
      case MSG.MANAGE: {
        const wish = readDict(buffer, start, end);
        enqueue(async () => connection.send(MSG.RESPONSE, id, { result: await manage(office, wish) }));
        return;
      }
      default:
        throw new DirtyProtocolError(`A client may not send a message of type 0x${type.toString(16)}.`);
    }
  }

  /** The client is gone: what runs for it is cancelled. */
  closed(): void {
    this.waiting.length = 0;
    this.call?.cancel(new DirtyError("The client is gone."));
  }

  private enqueue(asked: Asked): void {
    this.waiting.push(asked);
    this.waitingBytes += asked.bytes;
    if (!this.serving) void this.serve();
    if (this.waitingBytes > MAX_WAITING) this.connection.pause();
  }

  private async serve(): Promise<void> {
    this.serving = true;
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      this.waitingBytes -= next.bytes;
      if (this.waitingBytes <= MAX_WAITING) this.connection.resume();
      try {
        await next.answer();
      } catch (error) {
        this.connection.sendError(next.id, error);
      }
      this.call = undefined;
      await this.room();
    }
    this.serving = false;
  }

  private async room(): Promise<void> {
    const { connection } = this;
    if (connection.backlog > MAX_BACKLOG) await new Promise<void>((resolve) => connection.drained(resolve));
  }

  private async relay(id: RequestId, { app_path, action, args, kwargs }: Request): Promise<void> {
    const { connection } = this;
    const call = new Call(this.context, { app: canonical(app_path), action, args, kwargs }, {});
    this.call = call;
    call.start();
    for (;;) {
      const step = await call.next();
      if (step.done === true) {
        if (call.streams === true) connection.send(MSG.END, id);
        return;
      }
      if (call.streams === false) connection.send(MSG.RESPONSE, id, { result: step.value ?? null });
      else connection.sendChunk(id, step.value);
      if (connection.backlog > MAX_BACKLOG) await this.room();
    }
  }
}

// A field that the stash cannot use is answered; bytes that are not a message end the connection.
function readStashOrError(buffer: Buffer, start: number, end: number): StashRequest | DirtyError {
  try {
    return readStash(buffer, start, end);
  } catch (error) {
    if (!(error instanceof DirtyError) || error instanceof DirtyProtocolError) throw error;
    return error;
  }
}

function canonical(spec: string): string {
  try {
    return parseAppSpec(spec).name;
  } catch (error) {
    throw new DirtyAppNotFoundError(`No dirty app ${spec} is configured.`, {
      details: { app_path: spec },
      cause: error,
    });
  }
}
