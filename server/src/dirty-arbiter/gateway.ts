import { parseAppSpec } from "../config/app-spec.ts";
import { Call } from "../dirty/call.ts";
import type { CallContext } from "../dirty/call-context.ts";
import type { Connection } from "../protocol/connection.ts";
import { DirtyAppNotFoundError, DirtyError, DirtyProtocolError } from "../protocol/errors.ts";
import type { RequestId } from "../protocol/header.ts";
import { MSG, type Request, readDict, readRequest } from "../protocol/messages.ts";
import { manage, type Office, status } from "./gateway-office.ts";

// A client that does not read stops its stream here instead of filling this process's memory.
const MAX_BACKLOG = 256 * 1024;
// More than this behind the running request stays in the socket. Up to it is read, because only a side that
// reads sees that the client has left.
const MAX_WAITING = 256 * 1024;

/**
 * Serves one client that knows only Gunicorn's part of the protocol: one request at a time, relayed with the
 * same calls that HTTP workers make. It gives nobody a slot of its own.
 */
export class GatewaySession {
  private readonly connection: Connection;
  private readonly context: CallContext;
  private readonly office: Office;
  private readonly waiting: { id: RequestId; request: Request; bytes: number }[] = [];
  private waitingBytes = 0;
  private serving = false;
  private call: Call | undefined;

  constructor(connection: Connection, context: CallContext, office: Office) {
    this.connection = connection;
    this.context = context;
    this.office = office;
  }

  /**
   * Takes a message of the client.
   * @throws DirtyProtocolError when it is none that such a client may send.
   */
  receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    switch (type) {
      case MSG.REQUEST: {
        const request = readRequest(readDict(buffer, start, end));
        this.waiting.push({ id, request, bytes: end - start });
        this.waitingBytes += end - start;
        if (!this.serving) void this.serve();
        if (this.waitingBytes > MAX_WAITING) this.connection.pause();
        return;
      }
      case MSG.STATUS:
        this.connection.send(MSG.RESPONSE, id, { result: status(this.office) });
        return;
      case MSG.MANAGE:
        void this.manage(id, readDict(buffer, start, end));
        return;
      case MSG.STASH:
        this.connection.sendError(id, new DirtyError("This server does not serve STASH yet."));
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

  private async serve(): Promise<void> {
    this.serving = true;
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      this.waitingBytes -= next.bytes;
      if (this.waitingBytes <= MAX_WAITING) this.connection.resume();
      try {
        await this.relay(next.id, next.request);
      } catch (error) {
        this.connection.sendError(next.id, error);
      }
      this.call = undefined;
    }
    this.serving = false;
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
