import { type HookName, isHookOf, type WorkerHookName } from "../config/hooks.ts";
import { runConfigFile } from "../config/run-config-file.ts";
import { type Boot, tellArbiter } from "./channel.ts";
import { deadline } from "./deadline.ts";
import { getLogger } from "./logger.ts";

/** ms that a hook may take at the end of a worker. */
const EXIT_MS = 10_000;

/** The hooks of this worker. The config file is loaded only where it defines one of them. */
export class WorkerHooks {
  private readonly boot: Boot;
  private readonly config: object;

  private constructor(boot: Boot, config: object) {
    this.boot = boot;
    this.config = config;
  }

  /** Loads the hooks. @throws Error when the config file cannot be loaded. */
  static async load(boot: Boot): Promise<WorkerHooks> {
    const { hooks = [], settings, kind } = boot;
    const wanted = kind !== "dirty-arbiter" && hooks.some((name: HookName) => isHookOf(name, kind));
    const load = wanted && settings.config !== undefined;
    return new WorkerHooks(boot, load ? await runConfigFile(settings.config ?? "") : {});
  }

  /**
   * Runs a hook and waits for it; does nothing where the config file has none of that name.
   * @param apps canonical names of the dirty apps that the worker runs.
   * @throws Error that names the hook; its cause is what the hook threw.
   */
  async run(name: WorkerHookName, apps: readonly string[] = []): Promise<void> {
    const hook: unknown = Reflect.get(this.config, name);
    const { kind, id, settings } = this.boot;
    if (typeof hook !== "function") return;
    try {
      await hook.call(this.config, { kind, id, pid: process.pid, apps, settings, log: getLogger() });
    } catch (error) {
      throw new Error(`The hook ${name} failed`, { cause: error });
    }
  }

  /** Runs a hook at the worker's end, for at most 10 s; its failure is logged. */
  async runLast(name: WorkerHookName, apps: readonly string[]): Promise<void> {
    if (name in this.config) tellArbiter({ type: "ending", step: `the hook ${name}` });
    try {
      await deadline(EXIT_MS, this.run(name, apps), () => {
        throw new Error(`The hook ${name} took longer than ${EXIT_MS / 1000} s.`);
      });
    } catch (error) {
      getLogger().error({ err: error }, `the hook ${name} failed`);
    }
  }
}
