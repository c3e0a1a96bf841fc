import { symlinkSync } from "node:fs";
import { join } from "node:path";
import type { LoadedConfig } from "../config/load.ts";
import type { SocketFile } from "../process/channel.ts";
import type { Arbiter } from "./arbiter.ts";
import { ControlServer } from "./control-server.ts";
import type { ControlTarget, FleetSnapshot, ScalableKind } from "./control-target.ts";

/** What `tsunicorn ctl` commands: the arbiter, and the config that it runs with. */
export class Control implements ControlTarget {
  private readonly arbiter: Arbiter;
  private readonly config: () => LoadedConfig;
  private server: ControlServer | undefined;

  /** @param config the config that holds now; a reload changes it. */
  constructor(arbiter: Arbiter, config: () => LoadedConfig) {
    this.arbiter = arbiter;
    this.config = config;
  }

  /** The control socket's file. */
  get files(): SocketFile[] {
    return this.server?.file === undefined ? [] : [this.server.file];
  }

  /**
   * Listens on the setting `controlSocket`, or in the private folder.
   * @throws Error that names the path and why it cannot be listened on.
   */
  async open(folder: string): Promise<void> {
    const usual = join(folder, "control.sock");
    const { controlSocket } = this.config().settings;
    this.server = await ControlServer.open(controlSocket ?? usual, this);
    // `tsunicorn ctl` looks for servers in their private folders, whatever path they were given.
    if (controlSocket !== undefined) symlinkSync(controlSocket, usual);
  }

  /** Stops listening, when everything else has ended: a stop can be hurried until then. */
  close(): void {
    this.server?.close();
  }

  snapshot(): FleetSnapshot {
    const fleet = this.arbiter.snapshot();
    const url = this.server?.url;
    return {
      ...fleet,
      sources: this.config().sources,
      listeners: [...fleet.listeners, ...(url === undefined ? [] : [{ serves: "control" as const, url }])],
    };
  }

  scale(kind: ScalableKind, by: number, app?: string): number {
    return this.arbiter.scale(kind, by, app);
  }

  kill(...child: Parameters<ControlTarget["kill"]>): void {
    this.arbiter.kill(...child);
  }

  reload(): Promise<string> {
    return this.arbiter.reload();
  }

  reopenLogs(): void {
    this.arbiter.reopenLogs();
  }

  stop(graceful: boolean): void {
    this.arbiter.stop(graceful);
  }

  report(pid: number): Promise<unknown> {
    return this.arbiter.report(pid);
  }
}
