import { join } from "node:path";
import { build, staleWorkspaces } from "./build.mjs";
import { adoptInstalled, install, installStamp, isInstalled } from "./install.mjs";
import { withLock } from "./lock.mjs";
import { cacheDir } from "./root.mjs";
import { step } from "./say.mjs";

/** Longer than the slowest install: what waits longer waits for something that hangs. */
const LOCK_DEADLINE = 15 * 60 * 1000;

/**
 * Installs what is missing and builds what is stale. Where there is nothing to do, it takes no lock and writes
 * nothing, so it costs a few milliseconds and works on a read-only tree.
 * @param {{ build?: string[] }} [options] build: the workspaces that are needed; default: all
 */
export async function prepare({ build: wanted } = {}) {
  const stamp = installStamp();
  const findStale = () => staleWorkspaces(stamp).filter((name) => wanted?.includes(name) ?? true);
  if (isInstalled(stamp) && findStale().length === 0) return;
  const onWait = (pid) =>
    process.stderr.write(`Waiting for process ${pid}, which is installing or building ...\n`);
  await withLock(join(cacheDir, "prepare.lock"), { deadline: LOCK_DEADLINE, onWait }, async () => {
    if (!isInstalled(stamp) && !adoptInstalled(stamp))
      await step("Installing packages", () => install(stamp));
    const stale = findStale();
    if (stale.length > 0) await step(`Building ${stale.join(", ")}`, () => build(stale, stamp));
  });
}
