import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LogTail } from "../bench/log-tail.ts";
import { processTitle, processTree, pssBytes } from "../bench/process-tree.ts";
import { Exchange, type Target } from "./exchange.ts";
import { KINDS, type Kind } from "./fault-log.ts";
import { LIMITS, limitFlags } from "./limits.ts";

const path = (relative: string) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const SIGNALS = new URL("./signals.mjs", import.meta.url).href;
const START_MS = 60_000;
const POLL_MS = 50;
const COLLECT_MS = 1_500;
const KEPT_LINES = 20_000;

/** A process of the server under chaos. */
export interface Member {
  readonly pid: number;
  readonly kind: Kind;
}

/** What an idle server holds. */
export interface Holdings {
  /** PSS in bytes, of each kind of process and of the arbiter. */
  readonly memory: Readonly<Record<Kind | "arbiter", number>>;
  /** Open file descriptors of the arbiter, sockets too. It alone lives as long as the server. */
  readonly arbiterFiles: number;
  /** Names in the server's temporary folder and the folders in it. */
  readonly files: readonly string[];
}

/** What is still there after the server has ended. */
export interface Leftovers {
  readonly processes: readonly string[];
  readonly files: readonly string[];
}

/** The chat under chaos: real processes, started as a user starts them. */
export class Fleet {
  readonly port: number;
  /** A second address, for slow readers: the kernel keeps far less unread text of a unix socket. */
  readonly socketPath: string;
  readonly log = new LogTail(KEPT_LINES);
  /** What it ended with; undefined while it runs. */
  end: string | undefined;
  readonly #arbiter: ChildProcess;
  readonly #mark: string;
  readonly #folder: string;

  private constructor(port: number, env: Readonly<Record<string, string>>) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "tschaos-"));
    this.socketPath = join(this.#folder, "slow.sock");
    this.#mark = `CHAOS_MARK_${port}_${process.pid}`;
    const args = [
      path("server/bin/tsunicorn.mjs"),
      path("chat/dist/main.js"),
      ...["--config", path("chat/dist/tsunicorn.config.js")],
      ...["--bind", `127.0.0.1:${port}`, "--bind", `unix:${this.socketPath}`],
      ...limitFlags(),
    ];
    this.#arbiter = spawn(process.execPath, args, {
      cwd: this.#folder,
      env: {
        ...process.env,
        ...env,
        NODE_OPTIONS: `--import ${SIGNALS}`,
        TMPDIR: this.#folder,
        TSUNICORN_LOG_FORMAT: "json",
        [this.#mark]: "1",
      },
      stdio: ["ignore", "pipe", "pipe"],
      // Ctrl-C in the terminal is for the chaos, which ends the server in order.
      detached: true,
    });
    if (this.#arbiter.stdout) this.log.read(this.#arbiter.stdout);
    if (this.#arbiter.stderr) this.log.read(this.#arbiter.stderr);
    this.#arbiter.once("error", (error) => {
      this.end = error.message;
    });
    this.#arbiter.once("exit", (code, signal) => {
      this.end = signal ?? `exit code ${code}`;
    });
  }

  /**
   * Starts it and waits until all of it is ready.
   * @throws Error with its log when it is not.
   */
  static async start(env: Readonly<Record<string, string>>): Promise<Fleet> {
    const fleet = new Fleet(await freePort(), env);
    if (await fleet.isAtFullStrength(START_MS)) return fleet;
    const { lines } = fleet.log;
    fleet.destroy();
    throw new Error(
      `the chat did not start: ${fleet.end ?? "not ready in time"}\n${lines.slice(-20).join("\n")}`,
    );
  }

  /** Where clients go. */
  get target(): Target {
    return { port: this.port };
  }

  /** Its children, by kind. */
  async members(): Promise<Member[]> {
    const found: Member[] = [];
    for (const pid of await childrenOf(this.#pid)) {
      const kind = kindOf(await processTitle(pid));
      if (kind !== undefined) found.push({ pid, kind });
    }
    return found;
  }

  /** Whether a process is one of its children still. Ids are used again: it is asked before a late signal. */
  has(pid: number): boolean {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return state !== "Z" && Number(parent) === this.#pid;
    } catch {
      return false;
    }
  }

  /**
   * Waits until there are as many ready processes of each kind as there should be, none else, and `/readyz` says
   * 200. Gives false when it is not so within `ms`.
   */
  async isAtFullStrength(ms: number): Promise<boolean> {
    const wanted: Record<Kind, number> = {
      "http worker": LIMITS.workers,
      "dirty worker": LIMITS.dirtyWorkers,
      "dirty arbiter": 1,
    };
    for (const until = Date.now() + ms; Date.now() < until && this.end === undefined; await sleep(POLL_MS)) {
      const members = await this.members();
      const isFull = KINDS.every((kind) => {
        const mine = members.filter((member) => member.kind === kind);
        return mine.length === wanted[kind] && mine.every(({ pid }) => this.log.ready.has(pid));
      });
      if (!isFull) continue;
      const probe = new Exchange(this.target, { method: "GET", path: "/readyz" }, 2_000);
      if ((await probe.over) === "whole" && probe.status === 200) return true;
    }
    return false;
  }

  /** Has it reload. */
  reload(): void {
    this.#arbiter.kill("SIGHUP");
  }

  /** Has each of its processes collect its garbage, and gives them the time for it. */
  async collectGarbage(): Promise<void> {
    for (const pid of [this.#pid, ...(await this.members()).map((member) => member.pid)])
      kill(pid, "SIGWINCH");
    await sleep(COLLECT_MS);
  }

  /** What it holds right now; ask when it is idle and at full strength. */
  async holdings(): Promise<Holdings> {
    const memory: Record<Kind | "arbiter", number> = {
      "http worker": 0,
      "dirty worker": 0,
      "dirty arbiter": 0,
      arbiter: await pssBytes([this.#pid]),
    };
    for (const { pid, kind } of await this.members()) memory[kind] += await pssBytes([pid]);
    const arbiterFiles = (await readdir(`/proc/${this.#pid}/fd`)).length;
    return { memory, arbiterFiles, files: this.#files() };
  }

  /** Ends it as an operator does, kills what is still there after `ms`, and says what that was. */
  async stop(ms: number): Promise<Leftovers> {
    const ended = this.end === undefined ? once(this.#arbiter, "exit") : Promise.resolve();
    this.#arbiter.kill("SIGTERM");
    await Promise.race([ended, sleep(ms, null, { ref: false })]);
    const processes = await Promise.all(
      this.#marked().map(async (pid) => `${pid} ${await processTitle(pid)}`),
    );
    const files = this.#files();
    this.destroy();
    return { processes, files };
  }

  /** Kills all of it at once, and removes its folder. */
  destroy(): void {
    for (const pid of this.#marked()) kill(pid, "SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #pid(): number {
    return this.#arbiter.pid ?? 0;
  }

  #files(): string[] {
    return readdirSync(this.#folder, { recursive: true, encoding: "utf8" }).sort();
  }

  /** Every process of it, also one that has lost its parent. */
  #marked(): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          const status = readFileSync(`/proc/${pid}/status`, "utf8");
          return (
            readFileSync(`/proc/${pid}/environ`, "latin1").includes(this.#mark) &&
            !/^State:\s+Z/m.test(status)
          );
        } catch {
          return false;
        }
      });
  }
}

/** Sends a signal; gives false when the process is gone. */
export function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/**
 * The kernel's own list, where it keeps one: to look at every process of a busy machine can take longer than the time
 * between two faults.
 */
async function childrenOf(pid: number): Promise<number[]> {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return processTree(pid);
  }
}

/** A process that has not named itself yet is known by its entry. */
function kindOf(title: string): Kind | undefined {
  return KINDS.find(
    (kind) => title.startsWith(`tsunicorn: ${kind}`) || title.includes(`/${kind.replace(" ", "-")}/main.`),
  );
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
