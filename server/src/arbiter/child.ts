import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Boot, type FromChild, isTagged, type Kind, type ToChild } from "../process/channel.ts";
import { endGroup } from "../process/process-group.ts";
import { explainMissing, pythonCommand } from "./python-command.ts";
import type { RestartReason } from "./restart-counts.ts";

/** What a child is started with. */
export interface ChildOptions {
  boot: Boot;
  /** File descriptors in this process that the child inherits, from 4 on. */
  fds: number[];
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/** What the arbiter is told of its children. */
export interface ChildEvents {
  message(child: Child, message: FromChild): void;
  /** It has ended, and so has what it left in its process group. */
  exited(child: Child): void;
  /** It is killed now, because it has not ended `ms` after it was asked to stop. */
  late(child: Child, ms: number): void;
}

/** The first file descriptor of a child that is not its standard streams or its channel. */
export const FIRST_FD = 4;

// The same ending as this file's: compiled or not, a child is started as its parent was.
const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** A child process as the arbiter sees it. */
export class Child {
  readonly id: number;
  readonly kind: Kind;
  /** When its time to become ready began, ms since the epoch. */
  startedAt = Date.now();
  /** It said that it serves. */
  ready = false;
  readyAt = 0;
  /** A dirty worker is ready when it says so and the dirty arbiter knows it, in whatever order that is heard. */
  saidReady = false;
  registered = false;
  /** It was asked to stop, or killed on purpose: its end does not count as a failure. */
  stopping = false;
  /** It was asked to stop, and may wait for clients that come back. */
  lingering = false;
  /** It has served as many requests as it may: it is stopped once its successor is ready. */
  wornOut = false;
  /** It has loaded its apps' modules and waits for resources, which is not a fault of its own. */
  waiting = false;
  /** It is killed for a request that hung it: that says nothing about how its kind starts. */
  replaced = false;
  /** Why it is replaced, where the arbiter decided that. */
  restartReason: RestartReason | undefined;
  /** It listens for a debugger, and may stand still at a breakpoint. */
  debugged = false;
  /** The port that it was given for that; 0 for none. */
  readonly inspectPort: number;
  /** When it was last heard (heartbeat), ms since the epoch. */
  heardAt = Date.now();
  /** Why it could not start, in its own words. */
  failure: string | undefined;
  /** Whether the next one would take as long and fail for the same. */
  final = false;
  /** It could not start because another server listens on its address. */
  addressInUse = false;
  /** The apps that a dirty worker was told to run. */
  apps: string[] = [];
  /** The code of the user's that it called as it stopped, in words, and when it did, in ms of the monotonic clock. */
  ending: { step: string; since: number } | undefined;
  /** How it ended, for the log. */
  end = "";
  private readonly events: ChildEvents;
  private readonly process: ChildProcess;
  private killTimer: NodeJS.Timeout | undefined;

  constructor({ boot, fds, env, cwd }: ChildOptions, events: ChildEvents) {
    this.id = boot.id;
    this.kind = boot.kind;
    this.inspectPort = boot.inspect?.port ?? 0;
    this.events = events;
    const [command, ...args] = commandOf(boot, env);
    this.process = spawn(command, args, {
      cwd,
      env,
      // A group of its own: Ctrl-C in the terminal is for the arbiter, which stops its children in order.
      detached: true,
      stdio: ["ignore", "inherit", "inherit", "ipc", ...fds],
    });
    let over = false;
    const exited = (end: string): void => {
      if (over) return;
      over = true;
      clearTimeout(this.killTimer);
      this.end = end;
      events.exited(this);
    };
    this.process.on("message", (message) => {
      if (isTagged(message)) events.message(this, message as FromChild);
    });
    this.process.on("exit", (code, signal) => {
      clearTimeout(this.killTimer);
      const end = signal === null ? `exit code ${code}` : `signal ${signal}`;
      // Its successor must not find the memory of a graphics card, or a port, still taken.
      const ending = endGroup(this.pid);
      if (ending === undefined) exited(end);
      else void ending.then(() => exited(end));
    });
    this.process.on("error", (error) => {
      // A child that just died has its exit event; one that could not be started has only this one.
      if (this.process.pid !== undefined) return;
      if (boot.ownApp?.language === "python") this.failure = explainMissing(boot.settings, error);
      exited(error.message);
    });
    this.tell({ type: "boot", boot });
  }

  /** The process's id; 0 when it could not be started. */
  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Sends a message; a child that is gone does not get it. */
  tell(message: ToChild): void {
    if (this.process.connected) this.process.send(message, () => {});
  }

  /**
   * Asks it to stop, and kills it when it is still there after `ms`.
   * @param linger whether clients may come back for what it keeps.
   */
  stop(graceful: boolean, ms: number, linger = false): void {
    this.stopping = true;
    this.lingering = linger;
    this.tell({ type: "stop", graceful, linger });
    clearTimeout(this.killTimer);
    this.killTimer = setTimeout(() => {
      this.events.late(this, ms);
      this.kill();
    }, ms);
  }

  /** Tells it that no client will come back. */
  endLingering(): void {
    if (!this.lingering) return;
    this.lingering = false;
    this.tell({ type: "stop", graceful: true });
  }

  /** Ends it at once. */
  kill(): void {
    this.process.kill("SIGKILL");
  }
}

function commandOf(boot: Boot, env: NodeJS.ProcessEnv): [command: string, ...args: string[]] {
  if (boot.ownApp?.language === "python") return pythonCommand(boot.settings, boot.ownApp);
  const entry = fileURLToPath(new URL(`../${boot.kind}/main${EXTENSION}`, import.meta.url));
  const nodeFlags = process.execArgv.filter((flag) => !INSPECT_FLAG.test(flag));
  return [process.execPath, ...heapFlags(boot.kind, env), ...nodeFlags, entry];
}

// What thousands of open streams leave behind is garbage before it is old. By default it piles up: young space
// grows to 32 MiB, and old space to several times what lives in it. Measured with 5,000 streams, these halve the
// memory of a stream and cost no time that could be measured.
const HEAP_FLAGS = ["--min-semi-space-size=4", "--max-semi-space-size=4", "--heap-growing-percent=30"];

/** Node's own flags for its debugger, among arguments or in NODE_OPTIONS: they are the arbiter's, whose port is taken. */
const INSPECT_FLAG = /(?<=^|\s)--inspect(?:-(?:brk|wait|port|publish-uid))?(?:=\S*)?(?=\s|$)/;

/** The environment of a child: without Node's flags for a debugger, which only the arbiter can obey. */
export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_OPTIONS } = env;
  if (NODE_OPTIONS === undefined || !INSPECT_FLAG.test(NODE_OPTIONS)) return env;
  return { ...env, NODE_OPTIONS: NODE_OPTIONS.replaceAll(new RegExp(INSPECT_FLAG, "g"), "").trim() };
}

/** How the heap of a child that carries streams is kept small; what the user set in NODE_OPTIONS stands. */
function heapFlags(kind: Kind, env: NodeJS.ProcessEnv): string[] {
  if (kind === "dirty-arbiter") return [];
  const given = env["NODE_OPTIONS"] ?? "";
  return HEAP_FLAGS.filter((flag) => !given.includes(flag.slice(0, flag.indexOf("="))));
}
