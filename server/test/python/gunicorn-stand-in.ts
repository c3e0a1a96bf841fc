import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PYTHON } from "./python.ts";

const SCRIPT = fileURLToPath(new URL("gunicorn_stand_in.py", import.meta.url));

/** What the stand-in saw or did. */
export interface StandInNote {
  /** ms since the epoch. */
  readonly at: number;
  readonly what: "connected" | "request" | "left" | "yield";
  readonly [more: string]: unknown;
}

/** A Gunicorn's dirty arbiter, as the script plays it, at a socket of its own. */
export class GunicornStandIn {
  readonly folder: string = mkdtempSync(join(tmpdir(), "tsugun-"));
  readonly path: string = join(this.folder, "arbiter.sock");
  private process: ChildProcess | undefined;

  /** Starts one. */
  static async start(): Promise<GunicornStandIn> {
    const standIn = new GunicornStandIn();
    await standIn.start();
    return standIn;
  }

  /** Starts the process, at the same socket each time. */
  async start(): Promise<void> {
    const { folder, path } = this;
    rmSync(path, { force: true });
    const child = spawn(PYTHON, ["-I", SCRIPT, path, join(folder, "notes")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.process = child;
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`the stand-in ended with ${code}`)));
    });
  }

  /** What it noted so far. */
  notes(what?: StandInNote["what"]): StandInNote[] {
    const file = join(this.folder, "notes");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line): StandInNote => JSON.parse(line))
      .filter((note) => what === undefined || note.what === what);
  }

  /** Sends it a signal. */
  signal(signal: NodeJS.Signals): void {
    this.process?.kill(signal);
  }

  /** Kills it, and waits for its end. Its socket's file stays, as Gunicorn's does. */
  async kill(): Promise<void> {
    const child = this.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  /** Ends it, and removes what it left. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
