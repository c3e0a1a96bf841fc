/**
 * What the arbiter and its children say to each other, over the channel that each child inherits.
 *
 * The arbiter carries no traffic: these are the messages of supervision only.
 */
import type { AppSpec } from "../config/app-spec.ts";
import type { HookName } from "../config/hooks.ts";
import type { Settings } from "../config/settings.ts";

/** What kinds of children there are. */
export type Kind = "dirty-arbiter" | "dirty-worker" | "http-worker";

/** The first message to every child: all that it needs to begin. */
export interface Boot {
  kind: Kind;
  /** The child's number; never used twice while the arbiter lives. */
  id: number;
  settings: Settings;
  /** Proves to the dirty sockets that the arbiter started this process. */
  token: string;
  /** Folder for sockets, mode 0700. */
  folder: string;
  /** Path of the dirty arbiter's socket. */
  dirtySocket: string;
  /** The inherited listening sockets. */
  listeners: Listener[];
  /** Where an HTTP worker tells the others how many connections it has, and its own slot there. Default: nowhere. */
  connectionTable?: { fd: number; slot: number };
  /** Canonical names of the configured dirty apps. */
  apps: string[];
  /** The one app that a dirty worker runs, where its app has workers of its own, as each in Python has. */
  ownApp?: AppSpec;
  /** Where a worker listens for a debugger. Default: it does not. */
  inspect?: { host: string; port: number };
  /** The hooks that the config file defines; a worker loads the file only for its own. Default: none. */
  hooks?: readonly HookName[];
  /** HTTP workers that live as this child starts: a new dirty arbiter waits for their HELLO. */
  httpWorkers: number[];
  /** Dirty workers that live as this child starts: a new dirty arbiter does not know their streams before they register. */
  dirtyWorkers: number[];
  /** Socket files, and the pidfile, that the last process to go removes when the arbiter was killed. */
  socketFiles: SocketFile[];
}

/** A socket's file, or the pidfile. By its inode it is told from the one that another server has put there since. */
export interface SocketFile {
  path: string;
  inode: number;
}

/** An inherited listening socket: its file descriptor in the child, and what it is bound to. */
export interface Listener {
  fd: number;
  bind: string;
}

/** What a dirty worker read from an app's class. */
export interface AppStatics {
  /** Canonical name. */
  app: string;
  /** The most workers that load it; undefined: all. */
  workers: number | undefined;
  /** Units of each resource that the app needs in a worker. */
  resources: Record<string, number>;
  /** The names of its actions; undefined where the app decides with each call. */
  actions?: string[];
}

/** Arbiter → child. */
export type ToChild =
  | { type: "boot"; boot: Boot }
  /** The apps that a dirty worker runs, and what its environment gets for the resources that they asked for. */
  | { type: "assign"; apps: string[]; env: Record<string, string> }
  /** A dirty worker takes new requests for these apps only. */
  | { type: "retire"; keep: string[] }
  /** To the dirty arbiter, after a reload: the apps that can be placed, and the new limits. */
  | { type: "configure"; apps: string[]; settings: Settings }
  /** The log file was moved away. */
  | { type: "reopenLogs" }
  /** Asks for a report of what the child is doing, for `tsunicorn ctl`. */
  | { type: "report"; id: number }
  /** What became of a `scale` with an id: the number of dirty workers from now on, or why it was refused. */
  | { type: "scaled"; id: number; target: number; refused: string | null }
  /** `linger`: a dirty worker waits for readers who may come back for a stream; the server goes on. Default: it does not. */
  | { type: "stop"; graceful: boolean; linger?: boolean }
  | { type: "workerGone"; worker: number }
  /**
   * To the dirty arbiter: the workers of these apps fail to start, again and again; without `apps`, of every app.
   * Each such message replaces the one before; a `reason` of null says that none fails any more.
   */
  | { type: "dirtyWorkersFailing"; reason: string | null; apps?: string[] }
  /** To the dirty arbiter: every process that the arbiter has started and that has not ended, whatever it does. */
  | { type: "children"; pids: number[] }
  /** To the dirty arbiter: the dirty workers that listen for a debugger, which may stand still for as long as they like. */
  | { type: "debugged"; workers: number[] };

/** Child → arbiter. */
export type FromChild =
  | { type: "loaded"; apps: AppStatics[] }
  | { type: "ready" }
  | { type: "heartbeat" }
  /** Whether the worker listens for a debugger, told when that changes: it may stand still at a breakpoint. */
  | { type: "debugged"; debugged: boolean }
  /** The child has served as many requests as it may, and wants a successor. */
  | { type: "wornOut" }
  /** `by` dirty workers more, or fewer: a signal to the dirty arbiter, or MANAGE, which has an id and is answered. */
  | { type: "scale"; by: number; id?: number }
  /** What `report` asked for; its shape is the kind's own. */
  | { type: "report"; id: number; report: unknown }
  /** Files that the child has loaded, told as they are loaded, where the setting `reload` is on. */
  | { type: "loadedFiles"; files: string[] }
  /** `final`: another try would take as long and end the same. Default: it may be tried again. */
  | { type: "bootFailed"; reason: string; final?: boolean; addressInUse?: boolean }
  | { type: "kill"; worker: number; reason: string }
  /** A dirty worker that stops calls code of the user's, which may hang. `step` says what, in words for the log. */
  | { type: "ending"; step: string }
  /** A dirty worker has registered with the dirty arbiter: from now on it is given requests. */
  | { type: "registered"; worker: number };

/** Sends to the arbiter. A closed channel does not throw: `onParentGone` deals with that. */
export function tellArbiter(message: FromChild): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

/** Receives from the arbiter. */
export function onArbiterMessage(handle: (message: ToChild) => void): void {
  process.on("message", (message) => {
    if (isTagged(message)) handle(message as ToChild);
  });
}

/** Whether a value is an object with a `type`. Both ends of the channel are this package's own code. */
export function isTagged(value: unknown): value is { type: string } {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
