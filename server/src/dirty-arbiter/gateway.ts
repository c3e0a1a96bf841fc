import { parseAppSpec } from "../config/app-spec.ts";
import { Call } from "../dirty/call.ts";
import type { CallContext } from "../dirty/call-context.ts";
import type { Connection } from "../protocol/connection.ts";
import { DirtyAppNotFoundError, DirtyError, DirtyProtocolError } from "../protocol/errors.ts";
import type { RequestId } from "../protocol/header.ts";
import { MSG, type Request, readDict, readRequest } from "../protocol/messages.ts";
import { readStash, type StashRequest } from "../protocol/stash-messages.ts";
import { manage, type Office, status } from "./gateway-office.ts";
import type { Stash } from "./stash.ts";

// A client that does not read stops its stream here instead of filling this process's memory.
const MAX_BACKLOG = 256 * 1024;
// More than this behind the running request stays in the socket. Up to it is read, because only a side that
// reads sees that the client has left.
const MAX_WAITING = 256 * 1024;

/** What waits for its turn: also an error, because each answer comes in the order of what it answers. */
type Asked = Request | StashRequest | DirtyError;

/**
 * Serves one client that knows only Gunicorn's part of the protocol: one request at a time, relayed with the
 * same calls that HTTP workers make. It gives nobody a slot of its own.
 */
export class GatewaySession {
  private readonly connection: Connection;
  private readonly context: CallContext;
  private readonly office: Office;
  private readonly stash: Stash;
  private readonly waiting: { id: RequestId; request: Asked; bytes: number }[] = [];
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
   * @throws DirtyProtocolError when it is none that such a client may send.
   */
  receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    switch (type) {
      case MSG.REQUEST:
        this.enqueue(id, readRequest(readDict(buffer, start, end)), end - start);
        return;
      case MSG.STASH:
        this.enqueue(id, readStashOrError(buffer, start, end), end - start);
        return;
      case MSG.STATUS:
        this.connection.send(MSG.RESPONSE, id, { result: status(this.office) });
        return;
      case MSG.MANAGE:
        void this.manage(id, readDict(buffer, start, end));
        return;
      default:
        throw new DirtyProtocolError(`A client may not send a message of type 0x${type.toString(16)}.`);
    }
  }

  /** The client is gone: what runs for it is cancelled. */
  closed(): void {
    this.waiting.length = 0;
    this.call?.cancel(new DirtyError("The client is gone."));
  }

  private async manage(id: RequestId, wish: Record<string, unknown>): Promise<void> {
    try {
      this.connection.send(MSG.RESPONSE, id, { result: await manage(this.office, wish) });
    } catch (error) {
      this.connection.sendError(id, error);
    }
  }

  private enqueue(id: RequestId, request: Asked, bytes: number): void {
    this.waiting.push({ id, request, bytes });
    this.waitingBytes += bytes;
    if (!this.serving) void this.serve();
    if (this.waitingBytes > MAX_WAITING) this.connection.pause();
  }

  private async serve(): Promise<void> {
    this.serving = true;
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      this.waitingBytes -= next.bytes;
      if (this.waitingBytes <= MAX_WAITING) this.connection.resume();
      try {
        if (next.request instanceof DirtyError) this.connection.sendError(next.id, next.request);
        else if ("op" in next.request) await this.useStash(next.id, next.request);
        else await this.relay(next.id, next.request);
      } catch (error) {
        this.connection.sendError(next.id, error);
      }
      this.call = undefined;
    }
    this.serving = false;
  }

  private async useStash(id: RequestId, request: StashRequest): Promise<void> {
    const { connection } = this;
    this.stash.answer(connection, id, request);
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
      if (call.streams === false) connection.send(MSG.RESPONSE, id, { result: step.value });
      else connection.sendChunk(id, step.value);
      if (connection.backlog > MAX_BACKLOG) await new Promise<void>((resolve) => connection.drained(resolve));
    }
  }
}

// A field that the stash cannot use is answered; bytes that are no message end the connection.
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
