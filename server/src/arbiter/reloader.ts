import type { Logger } from "pino";
import type { Settings } from "../config/settings.ts";
import { explain } from "../process/explain.ts";
import type { Assignments } from "./assignments.ts";
import type { Generations, ReloadedKind } from "./generations.ts";
import type { ServerSockets } from "./server-sockets.ts";

/** Settings that hold from the start of the arbiter to its end. */
const FIXED: readonly (keyof Settings)[] = ["dirtyBind", "controlSocket", "pidfile", "reload"];

/** What a reload needs. */
export interface ReloaderParts {
  readonly generations: Generations;
  readonly assignments: Assignments;
  readonly sockets: ServerSockets;
  readonly log: Logger;
  /** Reads the config again. @throws Error that says what is wrong with it. */
  reread(): Promise<Settings>;
  /** Has the arbiter start what is missing. */
  converge(): void;
}

/** Begins new generations of workers: with the config as it is now, or with the same and other code. */
export class Reloader {
  private readonly parts: ReloaderParts;

  constructor(parts: ReloaderParts) {
    this.parts = parts;
  }

  /**
   * Reads the config again and binds the addresses that it adds.
   * @throws Error with what is wrong; nothing has changed then.
   */
  async reread(): Promise<Settings> {
    const { log, sockets } = this.parts;
    log.info("reloading: the config is read again");
    try {
      const settings = { ...(await this.parts.reread()) };
      // It says what dirtyApps means, so the one cannot be taken without the other.
      if (settings.dirtySocket !== this.parts.generations.current.settings.dirtySocket)
        throw new Error("the setting dirtySocket has changed, and only a restart of the server changes it");
      for (const name of FIXED) this.keepFixed(settings, name);
      await sockets.open(settings.bind, settings.umask);
      return settings;
    } catch (error) {
      log.error(`the reload is given up, and the old workers go on serving: ${explain(error)}`);
      throw error;
    }
  }

  /**
   * Replaces the workers of some kinds by new ones with these settings.
   * @returns what was done, in words, once the new ones serve.
   * @throws Error with the reason for which the old ones go on serving.
   */
  async replace(settings: Settings, kinds: readonly ReloadedKind[]): Promise<string> {
    const { generations, assignments, log } = this.parts;
    const began = Date.now();
    const serves = generations.begin(settings, new Set(kinds));
    // Behind it: one that is given up for this one has brought back the units of before.
    assignments.configure(settings.resources);
    log.info(
      `starting new ${kinds.map((kind) => `${kind.replace("-", " ")}s`).join(" and ")} beside the old`,
    );
    // Not in this turn: a crew that gives up at once would reject `serves` before it is awaited.
    setImmediate(() => this.parts.converge());
    await serves;
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    const done = `reloaded in ${seconds} s: the new workers serve, the old ones drain`;
    log.info(done);
    return done;
  }

  private keepFixed<Name extends keyof Settings>(settings: Settings, name: Name): void {
    const { current } = this.parts.generations;
    if (settings[name] === current.settings[name]) return;
    this.parts.log.warn(`the setting ${name} stays as it is: only a restart of the server changes it`);
    settings[name] = current.settings[name];
  }
}
