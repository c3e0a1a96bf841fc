/**
 * Entry of the dirty arbiter. When the arbiter is gone it is the last one that looks after the others: it
 * waits the graceful timeout, kills what is still connected, and removes what the arbiter left behind.
 */
import { join } from "node:path";
import type { Settings } from "../config/settings.ts";
import { type Boot, onArbiterMessage, type ToChild, tellArbiter } from "../process/channel.ts";
import { watchDescriptors } from "../process/descriptor-watch.ts";
import { isRunning } from "../process/is-running.ts";
import { removeLeftovers } from "../process/leftovers.ts";
import { getLogger, reopenLogs, setUpLogger } from "../process/logger.ts";
import { onParentGone, orphanSeconds } from "../process/parent-watch.ts";
import { endGroup } from "../process/process-group.ts";
import { DirtyArbiter, type Limits } from "./dirty-arbiter.ts";
import { Scaling } from "./scaling.ts";
import { Stash } from "./stash.ts";

process.title = "tsunicorn: dirty arbiter";
// The arbiter says when to stop: this process serves the others to the last.
for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
  process.on(signal, () => {});
}
// Gunicorn's dirty arbiter scales its workers by these; here the arbiter does, which alone starts processes.
process.on("SIGTTIN", () => tellArbiter({ type: "scale", by: 1 }));
process.on("SIGTTOU", () => tellArbiter({ type: "scale", by: -1 }));

const HEARTBEAT_MS = 1000;
const POLL_MS = 50;
let boot: Boot | undefined;
let arbiter: DirtyArbiter | undefined;
const scaling = new Scaling((by, id) => tellArbiter({ type: "scale", by, id }));
/** The arbiter's children, as it said last: also those that never came as far as their connection to this process. */
let children: number[] = [];
/** The dirty workers that listen for a debugger, as the arbiter said last. */
let debugged: readonly number[] = [];
/** Workers that ended while this process started. */
const goneEarly = new Set<number>();

onArbiterMessage((message) => {
  handle(message).catch((error: unknown) => {
    getLogger().error({ err: error }, "the dirty arbiter cannot start");
    tellArbiter({ type: "bootFailed", reason: error instanceof Error ? error.message : String(error) });
    setTimeout(() => process.exit(3), 50);
  });
});
onParentGone(outlive);

async function handle(message: ToChild): Promise<void> {
  switch (message.type) {
    case "boot":
      boot = message.boot;
      await open(boot);
      return;
    case "workerGone":
      if (arbiter === undefined) goneEarly.add(message.worker);
      arbiter?.workerGone(message.worker);
      return;
    case "dirtyWorkersFailing":
      arbiter?.setFailing(message.reason === null ? [] : message.apps, message.reason);
      return;
    case "configure":
      arbiter?.configure(limits(message.apps, message.settings));
      return;
    case "reopenLogs":
      reopenLogs();
      return;
    case "scaled":
      scaling.answered(message.id, message);
      return;
    case "report":
      tellArbiter({ type: "report", id: message.id, report: arbiter?.report() });
      return;
    case "children":
      children = message.pids;
      return;
    case "debugged":
      debugged = message.workers;
      arbiter?.setDebugged(debugged);
      return;
    case "stop":
      arbiter?.close();
      // The answers to those that still waited leave first.
      setTimeout(() => process.exit(0), POLL_MS);
  }
}

async function open({ settings, listeners, ...boot }: Boot): Promise<void> {
  await setUpLogger({
    level: settings.logLevel,
    format: settings.logFormat,
    file: settings.logFile,
    role: "dirty arbiter",
  });
  const [listener] = listeners;
  if (listener === undefined) throw new Error("The dirty arbiter got no listening socket.");
  const { dirtySocket, token, id, apps, httpWorkers, dirtyWorkers, folder } = boot;
  arbiter = new DirtyArbiter({
    fd: listener.fd,
    backlog: settings.backlog,
    path: dirtySocket,
    token,
    id,
    ...limits(apps, settings),
    httpWorkers,
    dirtyWorkers: dirtyWorkers.filter((worker) => !goneEarly.has(worker)),
    timeout: settings.dirtyTimeout,
    streamGrace: settings.streamGrace,
    migrationLimit: settings.migrationLimit,
    stash: new Stash(join(folder, "stash.log")),
    registered: (worker) => tellArbiter({ type: "registered", worker }),
    kill: (worker, reason) => tellArbiter({ type: "kill", worker, reason }),
    scale: (by) => scaling.scale(by),
  });
  arbiter.setDebugged(debugged);
  await arbiter.open();
  watchDescriptors();
  tellArbiter({ type: "ready" });
  // Its silence means that it hangs: it runs no user code. Several beats within the time that the arbiter waits.
  const beat = settings.timeout === 0 ? HEARTBEAT_MS : Math.min(HEARTBEAT_MS, settings.timeout * 250);
  setInterval(() => tellArbiter({ type: "heartbeat" }), beat);
}

function limits(apps: string[], settings: Settings): Limits {
  const { dirtyQueueSize, dirtyQueueTimeout, dirtyAbortGrace } = settings;
  return {
    apps,
    queueSize: dirtyQueueSize,
    queueTimeout: dirtyQueueTimeout,
    abortGrace: dirtyAbortGrace,
  };
}

function outlive(): void {
  if (boot === undefined) process.exit(0);
  const { settings, folder, socketFiles } = boot;
  const seconds = orphanSeconds(settings);
  const until = Date.now() + seconds * 1000;
  getLogger().warn("the arbiter is gone; waiting for the others to finish");
  /** What ended workers left in their process groups, and is being ended. */
  const endings = new Set<Promise<void>>();
  const end = (pid: number): void => {
    const ending = endGroup(pid);
    if (ending === undefined) return;
    endings.add(ending);
    void ending.then(() => endings.delete(ending));
  };
  const timer = setInterval(() => {
    // Looked at so often that a process which ends is missed before the system can give its id to another.
    children = children.filter((pid) => {
      if (pid === process.pid) return false;
      const runs = isRunning(pid);
      if (!runs) end(pid);
      return runs;
    });
    const pids = new Set([...children, ...(arbiter?.connectedPids() ?? [])]);
    if (pids.size > 0 && Date.now() < until) return;
    clearInterval(timer);
    for (const pid of pids) {
      getLogger().error(`process ${pid} is killed: it has not ended ${seconds} s after the arbiter`);
      kill(pid);
      end(pid);
    }
    removeLeftovers(socketFiles, folder);
    void Promise.all(endings).then(() => process.exit(0));
  }, POLL_MS);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself just now.
  }
}
