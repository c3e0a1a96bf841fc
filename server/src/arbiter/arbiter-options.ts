import type { Logger } from "pino";
import type { Settings } from "../config/settings.ts";
import type { SocketFile } from "../process/channel.ts";
import type { FileWatcher } from "./file-watcher.ts";
import type { HookThread } from "./hook-thread.ts";
import type { ListeningSocket } from "./listening-socket.ts";

/** How the server ended. */
export interface ArbiterEnd {
  code: number;
  /** Why, where it is a failure. */
  reason?: string;
}

/** What an arbiter is made of. */
export interface ArbiterOptions {
  settings: Settings;
  log: Logger;
  /** The hooks of the config that was read last. */
  hooks: HookThread;
  /** Is told what workers load, where the setting `reload` is on. */
  watcher?: FileWatcher | undefined;
  /** Reads the config again, for a reload. @throws Error that says what is wrong with it. */
  reread(): Promise<Settings>;
  /**
   * Called when the sockets are bound, before the first child starts.
   * @param folder the private folder.
   */
  opened?(folder: string): Promise<void>;
  /** Sockets of a service manager, which replace those of `bind`. */
  inherited?: readonly ListeningSocket[];
  /** Files beside the sockets that the last process to go removes when the arbiter was killed. */
  files?: () => readonly SocketFile[];
  events?: Partial<ArbiterEvents>;
}

/** What others want to know of the arbiter. */
export interface ArbiterEvents {
  /** The server serves: as many processes are ready as should be. */
  listening(status: string): void;
  /** A reload has begun. */
  reloading(): void;
  /** A reload has ended: the new generation serves, or it was given up and the old one does. */
  reloaded(status: string, serves: boolean): void;
  /** The server has begun to stop. */
  stopping(status: string): void;
}
