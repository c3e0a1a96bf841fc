import path from "node:path";
import type { Logger } from "pino";
import type { WorkerKind } from "../config/hooks.ts";
import type { FileChange } from "./file-watcher.ts";
import { GivenUpError } from "./generations.ts";

/** What can be done about changed files. Both reject when the old workers go on serving, and have logged why. */
export interface Reloadable {
  /** Reads the config again and replaces every worker. */
  reload(): Promise<unknown>;
  /** Replaces the workers of some kinds. One that is under way is given up. */
  restart(kinds: readonly WorkerKind[]): Promise<unknown>;
}

/**
 * Makes what `FileWatcher` calls back: it replaces the workers that loaded what was changed. A change that comes while
 * the one before it is carried out takes its place, and does for both.
 */
export function reloadOnChange(server: Reloadable, log: Logger): (change: FileChange) => void {
  const outdated = new Set<WorkerKind>();
  let configOutdated = false;
  let changes = 0;

  async function carryOut({ kinds, configChanged, files }: FileChange): Promise<void> {
    const change = ++changes;
    for (const kind of kinds) outdated.add(kind);
    configOutdated ||= configChanged;
    log.info(`changed: ${files.map((file) => path.relative(process.cwd(), file)).join(", ")}`);
    let done = true;
    let usable = true;
    try {
      await (configOutdated ? server.reload() : server.restart([...outdated]));
    } catch (error) {
      done = false;
      usable = error instanceof GivenUpError;
    }
    if (change !== changes) return;
    // A config that cannot be used is tried again when it is mended, not with every file that is saved meanwhile.
    if (done || !usable) configOutdated = false;
    if (done) outdated.clear();
  }
  return (change) => void carryOut(change);
}
