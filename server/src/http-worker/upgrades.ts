import type { EventEmitter } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

/** What Node tells a listener to `upgrade`: the request, its connection, and the first bytes behind the request. */
export type UpgradeArguments = [request: IncomingMessage, socket: Duplex, head: Buffer];

/**
 * Passes the upgrades that arrive at `server` to those who listen for them at `app`, a server of the user's that
 * does not listen itself.
 *
 * Only while there is such a listener: Node serves a request that offers an upgrade as any other as long as none
 * listens, and leaves it without any answer otherwise. A listener may come late, with the first request or with the
 * end of some loading.
 */
export function passUpgrades(server: Server, app: EventEmitter): void {
  const pass = (...upgrade: UpgradeArguments): void => {
    app.emit("upgrade", ...upgrade);
  };
  const begin = (): void => {
    if (!server.listeners("upgrade").includes(pass)) server.on("upgrade", pass);
  };
  if (app.listenerCount("upgrade") > 0) begin();
  app.on("newListener", (event) => {
    if (event === "upgrade") begin();
  });
  app.on("removeListener", (event) => {
    if (event === "upgrade" && app.listenerCount("upgrade") === 0) server.off("upgrade", pass);
  });
}
