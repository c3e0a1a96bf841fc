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
  /**
   * Dirty workers could not start, and nothing has changed since that they loaded. They would hold up the web app's
   * changes, and fail again. Not so HTTP workers that could not: the change of a dirty app may be what they need.
   */
  let dirtyBroken = false;
  let changes = 0;

  async function carryOut({ kinds, configChanged, files }: FileChange): Promise<void> {
    const change = ++changes;
    for (const kind of kinds) outdated.add(kind);
    configOutdated ||= configChanged;
    if (kinds.has("dirty-worker") || configChanged) dirtyBroken = false;
    log.info(`changed: ${files.map((file) => path.relative(process.cwd(), file)).join(", ")}`);
    // A reload would replace the dirty workers too, so meanwhile the settings stay as they are.
    const whole = configOutdated && !dirtyBroken;
    const replaced = [...outdated].filter((kind) => kind !== "dirty-worker" || !dirtyBroken);
    try {
      await (whole ? server.reload() : server.restart(replaced));
    } catch (error) {
      if (change !== changes) return;
      // A config that cannot be used is tried again when it is mended, not with every file that is saved meanwhile.
      if (!(error instanceof GivenUpError)) configOutdated = false;
      else if (error.culprit === "dirty-worker") {
        dirtyBroken = true;
        outdated.add("dirty-worker");
      }
      return;
    }
    if (change !== changes) return;
    if (whole) {
      configOutdated = false;
      outdated.clear();
    } else for (const kind of replaced) outdated.delete(kind);
  }
  return (change) => void carryOut(change);
}
