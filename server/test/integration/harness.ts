import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";

const BIN = fileURLToPath(new URL("../../bin/tsunicorn.mjs", import.meta.url));
const INDEX = new URL("../../dist/index.js", import.meta.url).href;
// On a busy machine all takes ten times longer.
const START_MS = 120_000;
const STOP_MS = 90_000;
const SOON_MS = 90_000;

/** How a test starts the server. */
export interface StartOptions {
  /** Arguments of the `tsunicorn` command; `--bind` is added unless there is one. */
  args: string[];
  /** Another command that starts the server, as a script for Node. Default: the `tsunicorn` command. */
  script?: string;
  /** The Node that runs it. Default: the one that runs the test. */
  node?: string;
  cwd: string;
  env?: NodeJS.ProcessEnv;
  /** What the log must say before the start is over. Default: `listening on`; empty: nothing. */
  until?: string | RegExp;
  /** Leaves the address to the config file. */
  bindInConfig?: boolean;
  /** Starts it in a process group of its own, as a terminal does. */
  ownGroup?: boolean;
  /** Listening sockets that it is started with, as systemd does it; `--bind` is not added then. */
  inherits?: number[];
}

/** A server that a test started with the real command. */
export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly process: ChildProcess;
  /** All that it printed so far. */
  log(): string;
  /** What of that it printed on standard error. */
  errors(): string;
  /** Waits for a line in its log. */
  logged(pattern: string | RegExp, ms?: number): Promise<void>;
  /** What it prints from now on, for tests that share it. */
  fromNow(): Pick<RunningServer, "log" | "logged">;
  /** Ids of its processes whose title begins with `tsunicorn: ` and this text. */
  pids(title: string): number[];
  signal(signal: NodeJS.Signals): void;
  /** Waits for its end, and for all that it printed before. */
  exited(ms?: number): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Ends it, and fails when it left a process or a folder behind. */
  stop(): Promise<void>;
}

/** A folder of a test's own that goes with it. */
export function temporaryFolder(files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "tsutest-"));
  for (const [name, text] of Object.entries(files)) {
    // Test apps import the built package, as an installed one would be.
    writeFileSync(join(folder, name), text.replaceAll('"tsunicorn"', JSON.stringify(INDEX)));
  }
  return folder;
}

/** Removes a folder. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Waits until a condition holds, and fails with `what` when it does not within `ms`. */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
  ms = SOON_MS,
): Promise<NonNullable<T>> {
  const until = Date.now() + ms;
  // What takes longer is looked at less often: to read all processes costs as much as some tests.
  for (let pause = 15; ; pause = Math.min(60, pause * 1.1)) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > until) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Whether a process is there, and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Starts the server and waits until it listens. */
export async function startServer({
  args,
  script = BIN,
  node = process.execPath,
  cwd,
  env = {},
  until = "listening on",
  ownGroup = false,
  bindInConfig = false,
  inherits = [],
}: StartOptions): Promise<RunningServer> {
  const port = await freePort();
  const bound = args.includes("--bind") || bindInConfig || inherits.length > 0;
  const bind = bound ? [] : ["--bind", `127.0.0.1:${port}`];
  const temp = mkdtempSync(join(tmpdir(), "tsurun-"));
  // The mark finds every process of this server, also one that lost its parent.
  const mark = `TSUTEST_MARK_${port}_${process.pid}`;
  const [command = "", ...rest] = [...activation(inherits), node, script, ...args, ...bind];
  const child = spawn(command, rest, {
    cwd,
    env: { ...process.env, TMPDIR: temp, TSUNICORN_LOG_FORMAT: "json", [mark]: "1", ...env },
    stdio: ["ignore", "pipe", "pipe", ...inherits],
    detached: ownGroup,
  });
  let output = "";
  let errors = "";
  child.stdout?.on("data", (data: Buffer) => {
    output += data.toString();
  });
  child.stderr?.on("data", (data: Buffer) => {
    output += data.toString();
    errors += data.toString();
  });
  let end: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  let isRead = false;
  child.once("exit", (code, signal) => {
    end = { code, signal };
  });
  child.once("close", () => {
    isRead = true;
  });
  // What it said last is read behind its end. One that was killed may leave children, which hold its output open.
  const isOver = (): boolean => end !== undefined && (isRead || end.signal !== null);
  const loggedFrom = async (start: number, pattern: string | RegExp, ms = START_MS): Promise<void> => {
    const isThere = (): boolean => output.slice(start).match(pattern) !== null;
    try {
      await eventually(`the log says ${pattern}`, () => isThere() || isOver(), ms);
    } finally {
      if (!isThere()) process.stderr.write(output);
    }
    if (!isThere()) throw new Error(`the server ended before its log said ${pattern}`);
  };
  const logged: RunningServer["logged"] = (pattern, ms) => loggedFrom(0, pattern, ms);
  const exited: RunningServer["exited"] = async (ms = STOP_MS) => {
    await eventually("the server has ended", isOver, ms);
    return end ?? { code: null, signal: null };
  };
  const members = (): number[] => processesWith(mark);
  const server: RunningServer = {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    process: child,
    log: () => output,
    errors: () => errors,
    logged,
    fromNow: () => {
      const start = output.length;
      return {
        log: () => output.slice(start),
        logged: (pattern, ms) => loggedFrom(start, pattern, ms),
      };
    },
    pids: (title) => members().filter((pid) => titleOf(pid).startsWith(`tsunicorn: ${title}`)),
    signal: (signal) => child.kill(signal),
    exited,
    stop: async () => {
      if (end === undefined) child.kill("SIGTERM");
      try {
        await eventually("every process has ended", () => members().length === 0);
        if (existsSync(temp) && readdirSync(temp).length > 0)
          throw new Error(`left behind: ${readdirSync(temp)}`);
      } finally {
        for (const pid of members()) process.kill(pid, "SIGKILL");
        removeFolder(temp);
      }
    },
  };
  try {
    await logged(until);
  } catch (error) {
    await server.stop().catch(() => {});
    throw error;
  }
  return server;
}

// The variables name the process that they are meant for, whose id only a shell can know beforehand.
function activation(fds: number[]): string[] {
  if (fds.length === 0) return [];
  return ["/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=${fds.length} exec "$@"`, "sh"];
}

function processesWith(mark: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return (
          pid !== process.pid && readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark) && isAlive(pid)
        );
      } catch {
        return false;
      }
    });
}

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}
