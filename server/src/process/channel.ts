/**
 * What the arbiter and its children say to each other, over the channel that each child inherits.
 *
 * The arbiter carries no traffic: these are the messages of supervision only.
 */
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
  /** Canonical names of the configured dirty apps. */
  apps: string[];
  /** HTTP workers that live as this child starts: a new dirty arbiter waits for their HELLO. */
  httpWorkers: number[];
  /** Socket files that the last process to go removes when the arbiter was killed. */
  socketFiles: SocketFile[];
}

/** A socket's file. By its inode it is told from the one that another server has put there since. */
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
}

/** Arbiter → child. */
export type ToChild =
  | { type: "boot"; boot: Boot }
  | { type: "assign"; apps: string[] }
  | { type: "stop"; graceful: boolean }
  | { type: "workerGone"; worker: number }
  | { type: "dirtyWorkersFailing"; reason: string | null };

/** Child → arbiter. */
export type FromChild =
  | { type: "loaded"; apps: AppStatics[] }
  | { type: "ready" }
  | { type: "heartbeat" }
  | { type: "bootFailed"; reason: string }
  | { type: "kill"; worker: number; reason: string };

/** Sends to the arbiter. A channel that is gone is no error here: `onParentGone` deals with that. */
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
