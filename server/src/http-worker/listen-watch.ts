import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Server } from "node:net";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/** ms that a server which is on its way to listen gets to do so, or to fail. */
const SETTLE_MS = 1000;
const POLL_MS = 5;

// Node tells them of each server of the process, from 20.19 on.
const STARTED = "tracing:net.server.listen:asyncStart";
const SUCCEEDED = "tracing:net.server.listen:asyncEnd";
const FAILED = "tracing:net.server.listen:error";

/** A server that code of the user's has told to listen. */
export interface OwnServer {
  readonly server: Server;
  /** What it listens on, for a message: `port 3000`. */
  readonly address: string;
  /** Whether a second process that does the same would fail: not with a port that the kernel picks. */
  readonly fixed: boolean;
  /** Where `listen()` was called: `main.ts:12`; empty where that is nowhere in the user's files. */
  readonly place: string;
  /** Whether a package called it for the user, as `serve(app)` or `app.listen()` of a framework do. */
  readonly byPackage: boolean;
}

/** Sees which servers of this process are told to listen, from when it is made. Inherited sockets do not count. */
export class ListenWatch {
  /** Those that were told to listen so far, also those that failed to. */
  readonly servers: OwnServer[] = [];
  private readonly pending = new Set<Server>();
  private tell: ((server: OwnServer) => void) | undefined;

  constructor() {
    subscribe(STARTED, this.started);
    subscribe(SUCCEEDED, this.settled);
    subscribe(FAILED, this.settled);
  }

  /** From now on keeps nothing, but tells of each. */
  onLater(tell: (server: OwnServer) => void): void {
    this.tell = tell;
    unsubscribe(SUCCEEDED, this.settled);
    unsubscribe(FAILED, this.settled);
  }

  /** Waits until each of them listens or has failed to, for a second at most. */
  async whenSettled(): Promise<void> {
    const until = performance.now() + SETTLE_MS;
    while (this.pending.size > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  private readonly started = (message: unknown): void => {
    const server = serverOf(message);
    const address = addressOf(message);
    if (server === undefined || address === undefined) return;
    const own = { server, ...address, ...caller() };
    if (this.tell !== undefined) {
      this.tell(own);
      return;
    }
    this.pending.add(server);
    this.servers.push(own);
  };

  private readonly settled = (message: unknown): void => {
    const server = serverOf(message);
    if (server !== undefined) this.pending.delete(server);
  };
}

function serverOf(message: unknown): Server | undefined {
  if (typeof message !== "object" || message === null || !("server" in message)) return undefined;
  return message.server instanceof Server ? message.server : undefined;
}

function addressOf(message: unknown): Pick<OwnServer, "address" | "fixed"> | undefined {
  if (typeof message !== "object" || message === null || !("options" in message)) return undefined;
  const { options } = message;
  if (typeof options !== "object" || options === null || "fd" in options) return undefined;
  if ("path" in options && typeof options.path === "string") return { address: options.path, fixed: true };
  const port = "port" in options ? Number(options.port ?? 0) : 0;
  return { address: `port ${port}`, fixed: port !== 0 };
}

const OWN_FOLDER = fileURLToPath(new URL("..", import.meta.url));

/** Looks for the innermost file on the stack that is the user's: neither Node's, nor a package's, nor ours. */
function caller(): Pick<OwnServer, "place" | "byPackage"> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 50;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  let byPackage = false;
  for (const line of stack.split("\n").slice(1)) {
    const [, at = "", number] = /((?:file:\/\/)?\/[^()]*?):(\d+):\d+\)?$/.exec(line) ?? [];
    const file = at.startsWith("file:") ? fileURLToPath(at.replace(/[?#].*$/, "")) : at;
    if (file === "" || file.startsWith(OWN_FOLDER)) continue;
    if (!file.includes("/node_modules/")) {
      return { place: `${relative(process.cwd(), file)}:${number}`, byPackage };
    }
    byPackage = true;
  }
  return { place: "", byPackage };
}
