import { randomBytes } from "node:crypto";
import { parseBindAddress } from "../config/bind-address.ts";
import type { HookName } from "../config/hooks.ts";
import type { Boot, SocketFile } from "../process/channel.ts";
import { ConnectionTable } from "../process/connection-table.ts";
import { Child, type ChildEvents, childEnvironment, FIRST_FD } from "./child.ts";
import type { Crew } from "./crew.ts";
import type { Generations } from "./generations.ts";
import type { ServerSockets } from "./server-sockets.ts";

/** Starts children, each with all that it needs to begin. */
export class ChildStarter {
  private readonly token = randomBytes(32).toString("hex");
  private readonly folder: string;
  private readonly sockets: ServerSockets;
  private readonly generations: Generations;
  private readonly files: () => readonly SocketFile[];
  private readonly hooks: { readonly defined: readonly HookName[] };
  /** Undefined where no file can be made for it. */
  private readonly table: ConnectionTable | undefined;
  /** Those of its slots that are taken. */
  private readonly slots = new Set<number>();
  private lastId = 0;

  /**
   * @param folder the private folder, mode 0700.
   * @param files what else the last process to go removes when the arbiter was killed.
   * @param hooks what the config file defines now.
   */
  constructor(
    folder: string,
    sockets: ServerSockets,
    generations: Generations,
    files: () => readonly SocketFile[],
    hooks: { readonly defined: readonly HookName[] },
  ) {
    this.folder = folder;
    this.sockets = sockets;
    this.generations = generations;
    this.files = files;
    this.hooks = hooks;
    this.table = ConnectionTable.create(folder);
  }

  /** Starts a child of a crew. It is not in the crew yet. */
  start(crew: Crew, events: ChildEvents): Child {
    const { kind, settings, own } = crew;
    const { dirty } = this.sockets;
    const dirtySocket = dirty?.file?.path ?? settings.dirtySocket ?? "";
    const sockets = {
      "http-worker": this.sockets.of(settings.bind),
      "dirty-arbiter": [dirty],
      "dirty-worker": [],
    }[kind].flatMap((socket) => socket ?? []);
    const boot: Boot = {
      kind,
      id: ++this.lastId,
      settings,
      token: this.token,
      folder: this.folder,
      dirtySocket,
      listeners: sockets.map((socket, index) => ({ fd: FIRST_FD + index, bind: socket.address })),
      apps: this.generations.apps,
      hooks: this.hooks.defined,
      httpWorkers: this.generations.httpCrews
        .flatMap((http) => http.active)
        .filter((child) => child.ready)
        .map((child) => child.id),
      // Also those that drain: their streams can be read.
      dirtyWorkers: this.generations.dirtyCrews
        .flatMap((dirty) => [...dirty.children])
        .filter((child) => child.ready)
        .map((child) => child.id),
      socketFiles: [...this.sockets.files, ...this.files()],
    };
    if (own !== undefined) boot.ownApp = own;
    const inspect = own?.language === "python" ? undefined : this.inspectAddress(crew);
    if (inspect !== undefined) boot.inspect = inspect;
    const fds = sockets.map((socket) => socket.fd);
    const { table } = this;
    const env = childEnvironment({ ...process.env, TSUNICORN_DIRTY_SOCKET: dirtySocket });
    if (kind !== "http-worker" || table === undefined)
      return new Child({ boot, fds, env, cwd: settings.chdir }, events);
    let slot = 0;
    while (this.slots.has(slot)) slot++;
    this.slots.add(slot);
    boot.connectionTable = { fd: FIRST_FD + fds.length, slot };
    const exited = (child: Child): void => {
      // It may have been killed: it must not count as a worker that takes connections.
      table.write(slot, undefined);
      this.slots.delete(slot);
      events.exited(child);
    };
    const { message, late } = events;
    return new Child(
      { boot, fds: [...fds, table.fd], env, cwd: settings.chdir },
      { message: message.bind(events), late: late.bind(events), exited },
    );
  }

  // From the port that was asked for up, the first that no other worker has: the one of a single worker stays the same.
  private inspectAddress({ kind, settings }: Crew): { host: string; port: number } | undefined {
    const asked = {
      "http-worker": settings.inspect,
      "dirty-worker": settings.dirtyInspect,
      "dirty-arbiter": undefined,
    }[kind];
    const address = asked === undefined ? undefined : parseBindAddress(asked);
    if (address?.kind !== "tcp" || address.host === undefined) return undefined;
    const { host, port } = address;
    const crews = [...this.generations.httpCrews, ...this.generations.dirtyCrews];
    const taken = new Set(crews.flatMap((crew) => [...crew.children].map((child) => child.inspectPort)));
    let free = port;
    // Port 0 is another one each time.
    while (port !== 0 && taken.has(free)) free++;
    return free > 65_535 ? undefined : { host, port: free };
  }
}
