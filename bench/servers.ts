import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LogTail } from "./log-tail.ts";
import { processTree } from "./process-tree.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;
const READY_POLL_MS = 5;
const KEPT_LINES = 50;

/** What one server is started with. */
export interface ServerPlan {
  /** What is run: Node's binary, but for a server in another language. */
  program: string;
  /** Arguments after it. The word `{port}` in one of them stands for the port. */
  args: string[];
  /** Added to the bench's own environment. */
  env: Record<string, string>;
}

/** A server that the bench has started: the process itself and all that descend from it. */
export class Server {
  /** TCP port on 127.0.0.1. */
  readonly port: number;
  /** From the call that started it to the first 200 of `/readyz`, in ms. */
  readonly readyMs: number;
  /** What it prints. */
  readonly log: LogTail;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, log: LogTail, port: number, readyMs: number) {
    this.#child = child;
    this.log = log;
    this.port = port;
    this.readyMs = readyMs;
  }

  /**
   * Starts a server and waits until its `/readyz` says 200.
   * @param timeoutMs how long it may take, in ms
   * @throws Error with the end of what it printed, when it ends before or is not ready in time
   */
  static async start(plan: ServerPlan, timeoutMs = START_TIMEOUT_MS): Promise<Server> {
    const port = await freePort();
    const args = plan.args.map((argument) => argument.replace("{port}", String(port)));
    const startedAt = performance.now();
    const child = spawn(plan.program, args, {
      cwd: ROOT,
      env: { ...process.env, ...plan.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    const log = new LogTail(KEPT_LINES);
    log.read(child.stdout);
    log.read(child.stderr);
    let failure = "";
    child.on("error", (error) => {
      failure = error.message;
      running.delete(child);
    });
    child.on("exit", (code, signal) => {
      failure = `it ended with ${signal ?? `code ${code}`}`;
      running.delete(child);
    });
    while (failure === "" && performance.now() - startedAt < timeoutMs) {
      if (await isReady(port)) return new Server(child, log, port, performance.now() - startedAt);
      await sleep(READY_POLL_MS);
    }
    // Its children may hang. Without their parent they would stay.
    if (child.pid !== undefined) for (const pid of await processTree(child.pid)) kill(pid);
    throw new Error(`a server did not start: ${failure || "not ready in time"}\n${log.lines.join("\n")}`);
  }

  /**
   * Process ids of the server, its main process first among them by age.
   * @throws Error when it has ended
   */
  async processes(): Promise<number[]> {
    const pids = this.#child.pid === undefined ? [] : await processTree(this.#child.pid);
    if (pids.length === 0) throw new Error("a server ended while it was measured");
    return pids;
  }

  /** Sends a signal to its main process. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Whether its `/readyz` says 200 right now. */
  isReady(): Promise<boolean> {
    return isReady(this.port);
  }

  /** Ends it with SIGTERM, and with SIGKILL to every process of it that is left after 15 s. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const pids = await this.processes();
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const inTime = await Promise.race([exited, sleep(STOP_TIMEOUT_MS, null, { ref: false })]);
    if (inTime !== null) return;
    for (const pid of pids) kill(pid);
    await exited;
  }
}

const running = new Set<ChildProcess>();

/** Kills every server that still runs: nothing of the bench may outlive it. */
export function killServers(): void {
  for (const child of running) child.kill("SIGKILL");
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile, which is what was wanted.
  }
}

/** A TCP port on 127.0.0.1 that was free a moment ago. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(
      { host: "127.0.0.1", port, path: "/readyz", agent: false, timeout: 2_000 },
      (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode === 200));
        response.on("error", () => resolve(false));
      },
    );
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}
