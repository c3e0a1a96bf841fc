import type { Logger } from "pino";
import { type ExitedWorker, type HookName, isServerHook, type ServerHookName } from "../config/hooks.ts";
import { explain } from "../process/explain.ts";
import type { ServerState } from "./hook-messages.ts";
import { HookError, HookRunner } from "./hook-runner.ts";

/** ms that the server waits at its end for `onExit`. */
const EXIT_MS = 10_000;

/**
 * The hooks that are about the server. The arbiter loads no user code: they run in a thread of its process, which
 * is there only if the config file defines one of them. Nothing that they do harms the arbiter: a failure is a line
 * in the log.
 */
export class HookThread {
  private readonly log: Logger;
  /** All hooks that the config file defines, also those that run in workers. */
  defined: readonly HookName[] = [];
  private runner: HookRunner | undefined;
  private readonly retired = new Set<HookRunner>();

  /**
   * @param configFile the config file, absolute; undefined without one.
   * @param hooks the names of the hooks that it defines.
   */
  constructor(configFile: string | undefined, hooks: readonly HookName[], log: Logger) {
    this.log = log;
    this.replace(configFile, hooks);
  }

  /** After a reload: runs the hooks of the file as it is now. Calls that wait already end with the old ones. */
  replace(configFile: string | undefined, hooks: readonly HookName[]): void {
    if (this.runner !== undefined) {
      const old = this.runner;
      this.retired.add(old);
      old.retire(() => this.retired.delete(old));
    }
    this.defined = [...hooks];
    this.runner =
      configFile === undefined || !hooks.some(isServerHook)
        ? undefined
        : new HookRunner({ configFile, logLevel: this.log.level }, this.log);
  }

  /**
   * Runs a hook and waits for it, at most 30 s; does nothing where the config file has none of that name.
   * @throws {HookError} that names the hook and says why it failed.
   */
  async run(name: ServerHookName, server: ServerState, worker?: ExitedWorker): Promise<void> {
    if (this.runner === undefined || !this.defined.includes(name)) return;
    try {
      await this.runner.run({ name, server, worker });
    } catch (error) {
      if (!(error instanceof HookError)) throw error;
      throw new HookError(`The hook ${name} failed: ${error.message}`, error.thrownAt);
    }
  }

  /** Runs a hook without waiting for it; its failure is logged. */
  call(name: ServerHookName, server: ServerState, worker?: ExitedWorker): void {
    this.run(name, server, worker).catch((error: unknown) => this.report(error));
  }

  /**
   * Runs `onExit`, after the hooks that still wait, and ends the thread. Never throws.
   * @param ms how long that takes at most; default: 10 s.
   */
  async exit(server: ServerState, ms: number = EXIT_MS): Promise<void> {
    const { runner } = this;
    const ending = "the server is ending";
    // A hook that hangs may have half of the time, so that onExit has the other half.
    const half = setTimeout(() => runner?.drop(ending, "onExit"), ms / 2);
    const end = setTimeout(() => runner?.drop(`it took longer than ${ms / 1000} s`), ms);
    try {
      await this.run("onExit", server);
    } catch (error) {
      this.report(error);
    } finally {
      clearTimeout(half);
      clearTimeout(end);
      await this.close();
    }
  }

  /** Ends the thread at once, and with it what it runs. */
  async close(): Promise<void> {
    await Promise.all([...this.retired, this.runner].map((runner) => runner?.close()));
  }

  private report(error: unknown): void {
    const stack = error instanceof HookError ? error.thrownAt : "";
    const message = explain(error);
    this.log.error(stack === "" ? {} : { err: { type: "Error", message, stack } }, message);
  }
}
