/** A worker that cannot start, started without a server: what is its own to say costs no arbiter and no second try. */
import { join } from "node:path";
import { parseAppSpec } from "../../src/config/app-spec.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { FromChild, Kind } from "../../src/process/channel.ts";
import { FleetProcess } from "./fleet-process.ts";
import { eventually, removeFolder, temporaryFolder } from "./harness.ts";

/** A worker that cannot start. */
export interface LoneWorker {
  readonly kind: Exclude<Kind, "dirty-arbiter">;
  readonly files: Record<string, string>;
  /** Arguments of the `tsunicorn` command. A dirty worker runs all the apps, one in Python the first. */
  readonly args: string[];
}

/** Starts it, and waits until it has told the arbiter that it cannot. @returns the reason. */
export async function whyItCannotStart({ kind, files, args }: LoneWorker): Promise<string> {
  const folder = temporaryFolder(files);
  const { settings, hooks } = await loadConfig([...args, "--log-level", "error"], {}, folder);
  const specs = settings.dirtyApps.map((spec) => parseAppSpec(spec, folder));
  const [own] = specs.filter(({ language }) => language === "python");
  const boot = {
    ...{ kind, id: 1, settings, hooks, token: "a token", folder, dirtySocket: join(folder, "d.sock") },
    ...{ listeners: [], apps: specs.map(({ name }) => name), httpWorkers: [], dirtyWorkers: [] },
    ...{ socketFiles: [], ...(own === undefined ? {} : { ownApp: own }) },
  };
  const worker = new FleetProcess(kind, boot, [], { cwd: folder, env: {} });
  try {
    if (kind === "dirty-worker") {
      const said = await eventually("it has loaded its apps or failed", () => worker.said.find(isStart));
      if (said.type === "loaded") worker.tell({ type: "assign", apps: boot.apps, env: {} });
    }
    const failed = await worker.says("bootFailed");
    return failed.type === "bootFailed" ? failed.reason : "";
  } finally {
    await worker.kill();
    removeFolder(folder);
  }
}

function isStart({ type }: FromChild): boolean {
  return type === "loaded" || type === "bootFailed";
}
