/** What the arbiter and the thread of its hooks say to each other. */
import type { ExitedWorker, HookServer, ServerHookName } from "../config/hooks.ts";

/** What the thread is started with. */
export interface HookThreadData {
  readonly configFile: string;
  /** The hooks' least severity that is logged. */
  readonly logLevel: string;
}

/** The server as it crosses to the thread, where it gets its `log`. */
export type ServerState = Omit<HookServer, "log">;

/** Arbiter → thread: run this hook. One is asked for at a time. */
export interface HookCall {
  readonly name: ServerHookName;
  readonly server: ServerState;
  readonly worker?: ExitedWorker | undefined;
}

/** Thread → arbiter. */
export type FromHookThread =
  /** The config file cannot be run; the thread ends. */
  | { readonly type: "broken"; readonly reason: string }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly reason: string; readonly stack: string }
  /** A line of a hook's log, as JSON. */
  | { readonly type: "log"; readonly line: string };
