import type { SocketFile } from "../process/channel.ts";
import { servedByOthers } from "./bind-overlap.ts";
import type { ListenerSnapshot } from "./control-target.ts";
import { ListeningSocket } from "./listening-socket.ts";

/** Every socket that the server listens on. The arbiter holds them, so that they outlive each child. */
export class ServerSockets {
  private readonly http = new Map<string, ListeningSocket>();
  /** Addresses without a socket of their own, and those whose sockets serve them. */
  private readonly served = new Map<string, string>();
  private readonly inherited: readonly ListeningSocket[];
  private dirtySocket: ListeningSocket | undefined;

  /** @param inherited sockets of a service manager, which replace whatever `bind` says for good. */
  constructor(inherited: readonly ListeningSocket[]) {
    this.inherited = inherited;
    for (const socket of inherited) this.http.set(socket.address, socket);
  }

  /** The dirty arbiter's socket. */
  get dirty(): ListeningSocket | undefined {
    return this.dirtySocket;
  }

  /** The addresses for people. */
  get urls(): string[] {
    return [...this.http.values()].map((socket) => socket.url);
  }

  /** What each of them serves. */
  get listeners(): ListenerSnapshot[] {
    const { urls, dirtySocket } = this;
    return [
      ...urls.map((url) => ({ serves: "http" as const, url })),
      ...(dirtySocket === undefined ? [] : [{ serves: "dirty" as const, url: dirtySocket.url }]),
    ];
  }

  /** The files of all unix sockets. */
  get files(): SocketFile[] {
    const all = [...this.http.values(), ...(this.dirtySocket ? [this.dirtySocket] : [])];
    return all.flatMap(({ file }) => (file === undefined ? [] : [file]));
  }

  /** Binds the dirty arbiter's socket. @throws Error that says why it cannot be bound. */
  async openDirty(path: string): Promise<void> {
    this.dirtySocket = await ListeningSocket.bindPath(path, { mode: 0o600 });
  }

  /**
   * Binds those of the addresses that are not bound yet.
   * @param binds as the setting `bind` has them.
   * @param umask as the setting of that name has it.
   * @throws Error that names the address which cannot be bound; what was bound before is as it was.
   */
  async open(binds: readonly string[], umask?: string): Promise<void> {
    if (this.inherited.length > 0) return;
    const added: string[] = [];
    for (const [bind, by] of await servedByOthers(binds)) if (!this.http.has(bind)) this.served.set(bind, by);
    try {
      for (const bind of binds) {
        if (this.http.has(bind) || this.served.has(bind)) continue;
        this.http.set(bind, await ListeningSocket.bind(bind, umask));
        added.push(bind);
      }
    } catch (error) {
      this.drop(added);
      throw error;
    }
  }

  /** The sockets of some addresses, those that are bound. */
  of(binds: readonly string[]): ListeningSocket[] {
    if (this.inherited.length > 0) return [...this.http.values()];
    return this.own(binds).flatMap((bind) => this.http.get(bind) ?? []);
  }

  /** Closes all HTTP sockets but these. A connection to another is refused from now on. */
  keep(binds: readonly string[]): void {
    if (this.inherited.length > 0) return;
    const kept = this.own(binds);
    this.drop([...this.http.keys()].filter((bind) => !kept.includes(bind)));
  }

  /** Closes all HTTP sockets: nothing new is accepted. */
  closeHttp(): void {
    this.drop([...this.http.keys()]);
  }

  /** Closes everything. */
  close(): void {
    this.closeHttp();
    this.dirtySocket?.close();
    this.dirtySocket = undefined;
  }

  /** The addresses whose sockets serve these, each once. */
  private own(binds: readonly string[]): string[] {
    return [...new Set(binds.map((bind) => (this.http.has(bind) ? bind : (this.served.get(bind) ?? bind))))];
  }

  private drop(binds: readonly string[]): void {
    for (const bind of binds) {
      this.http.get(bind)?.close();
      this.http.delete(bind);
    }
  }
}
