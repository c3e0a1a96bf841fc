/** A process of the server, started from its entry by a test that plays the arbiter. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { pythonCommand } from "../../src/arbiter/python-command.ts";
import type { Boot, FromChild, Kind, ToChild } from "../../src/process/channel.ts";
import { eventually, isAlive } from "./harness.ts";

/** The process. */
export class FleetProcess {
  readonly id: number;
  readonly process: ChildProcess;
  readonly said: FromChild[] = [];

  constructor(kind: Kind, boot: Boot, fds: number[], { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv }) {
    this.id = boot.id;
    const entry = fileURLToPath(new URL(`../../dist/${kind}/main.js`, import.meta.url));
    const [command, ...args] =
      boot.ownApp?.language === "python"
        ? pythonCommand(boot.settings, boot.ownApp)
        : [process.execPath, entry];
    this.process = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "inherit", "ipc", ...fds],
    });
    this.process.on("message", (message) => this.said.push(message as FromChild));
    this.process.on("error", () => {});
    this.tell({ type: "boot", boot });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  tell(message: ToChild): void {
    if (this.process.connected) this.process.send(message, () => {});
  }

  /** Waits until it said something of a kind. */
  async says(type: FromChild["type"], ms?: number): Promise<FromChild> {
    return eventually(
      `process ${this.pid} says ${type}`,
      () => this.said.find((one) => one.type === type),
      ms,
    );
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    const gone = once(this.process, "exit");
    this.process.kill("SIGKILL");
    if (isAlive(this.pid)) await gone;
  }
}
