import type { Logger } from "pino";
import type { Settings } from "./settings.ts";

/** Where each hook runs: in a thread of the arbiter's process, or in the worker that it is about. */
const PLACES = {
  onStarting: "arbiter",
  whenReady: "arbiter",
  onDirtyStarting: "arbiter",
  workerExit: "arbiter",
  onReload: "arbiter",
  onExit: "arbiter",
  postFork: "http-worker",
  dirtyPostFork: "dirty-worker",
  dirtyWorkerInit: "dirty-worker",
  dirtyWorkerExit: "dirty-worker",
} as const;

/** The name of a hook. */
export type HookName = keyof typeof PLACES;
/** The name of a hook that runs in the arbiter's process. */
export type ServerHookName = {
  [Name in HookName]: (typeof PLACES)[Name] extends "arbiter" ? Name : never;
}[HookName];
/** The name of a hook that runs in a worker. */
export type WorkerHookName = Exclude<HookName, ServerHookName>;

/** The names of all hooks. */
export const HOOK_NAMES: readonly HookName[] = Object.keys(PLACES).filter(isHookName);

/** Whether a key of a config file is the name of a hook. */
export function isHookName(name: string): name is HookName {
  return Object.hasOwn(PLACES, name);
}

/** Whether a hook runs in a thread of the arbiter's process. */
export function isServerHook(name: HookName): name is ServerHookName {
  return PLACES[name] === "arbiter";
}

/** Whether a hook runs in workers of a kind. */
export function isHookOf(name: HookName, kind: WorkerKind): name is WorkerHookName {
  return PLACES[name] === kind;
}

/** The kinds of workers. */
export type WorkerKind = "http-worker" | "dirty-worker";

/** A worker as the server sees it. */
export interface ServerWorker {
  readonly kind: WorkerKind;
  /** Its number; never used twice while the server runs. */
  readonly id: number;
  readonly pid: number;
  /** Canonical names of the dirty apps that it runs; none in an HTTP worker. */
  readonly apps: readonly string[];
  /** Whether it serves. */
  readonly ready: boolean;
}

/** A worker that has ended. */
export interface ExitedWorker {
  readonly kind: WorkerKind;
  readonly id: number;
  readonly pid: number;
  readonly apps: readonly string[];
  /** How it ended: `exit code 0`, `signal SIGKILL`, or why it could not start. */
  readonly reason: string;
}

/** What hooks about the server get: how it stands at that moment. */
export interface HookServer {
  /** The arbiter's process id. */
  readonly pid: number;
  /** The setting `name`. */
  readonly name: string;
  readonly settings: Settings;
  readonly workers: readonly ServerWorker[];
  /** Writes to the server's log. */
  readonly log: Logger;
}

/** What hooks in a worker get: the worker itself. */
export interface HookWorker {
  readonly kind: WorkerKind;
  readonly id: number;
  readonly pid: number;
  /** Canonical names of the dirty apps that it runs; none before they are imported, and in an HTTP worker. */
  readonly apps: readonly string[];
  readonly settings: Settings;
  /** The worker's logger. */
  readonly log: Logger;
}

/** What a hook may return; a promise is waited for. */
type Done = void | Promise<void>;

/** The functions that a config file may define beside the settings, each called at one moment of the server's life. */
export interface Hooks {
  /** Before anything is bound or started, which waits for it. Where it throws, the server does not start. */
  onStarting?: ((server: HookServer) => Done) | undefined;
  /** Once, when every process is ready. */
  whenReady?: ((server: HookServer) => Done) | undefined;
  /** When a dirty arbiter is started: the first, and each successor. */
  onDirtyStarting?: ((server: HookServer) => Done) | undefined;
  /** When an HTTP worker or a dirty worker has ended, however it did. */
  workerExit?: ((server: HookServer, worker: ExitedWorker) => Done) | undefined;
  /** When the config was read again; new workers start meanwhile. */
  onReload?: ((server: HookServer) => Done) | undefined;
  /** When every process has ended, before the server does; it has 10 s. */
  onExit?: ((server: HookServer) => Done) | undefined;
  /** In an HTTP worker, before it loads the app. Where it throws, the worker does not start. */
  postFork?: ((worker: HookWorker) => Done) | undefined;
  /** In a dirty worker, before it imports the apps. Where it throws, the worker does not start. */
  dirtyPostFork?: ((worker: HookWorker) => Done) | undefined;
  /** In a dirty worker, after `init()` of its apps, before it is ready. Where it throws, the worker does not start. */
  dirtyWorkerInit?: ((worker: HookWorker) => Done) | undefined;
  /** In a dirty worker that stops in order, after `close()` of its apps; it has 10 s. */
  dirtyWorkerExit?: ((worker: HookWorker) => Done) | undefined;
}
