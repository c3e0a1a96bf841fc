import { type IncomingMessage, type RequestListener, Server, type ServerOptions } from "node:http";
import type { Duplex } from "node:stream";

/** Whether an upgrade is refused; it has answered then. */
type RefuseUpgrade = (request: IncomingMessage, socket: Duplex) => boolean;

/**
 * Node's server, but it asks before an upgrade (a WebSocket) reaches the app. A listener could not: the app's own
 * hear of the event all the same.
 */
export class GuardedServer extends Server {
  readonly #refuseUpgrade: RefuseUpgrade;

  constructor(options: ServerOptions, listener: RequestListener, refuseUpgrade: RefuseUpgrade) {
    super(options, listener);
    this.#refuseUpgrade = refuseUpgrade;
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === "upgrade") {
      const [request, socket] = args as [IncomingMessage, Duplex];
      if (this.#refuseUpgrade(request, socket)) return true;
    }
    return Reflect.apply(super.emit, this, [event, ...args]);
  }
}
