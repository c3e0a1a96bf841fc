/**
 * Entry of an HTTP worker: loads the web app, serves it on the inherited sockets, and drains when the arbiter
 * says so or is gone.
 */
import { setUpDirtyClient, useDirtyHost } from "../dirty/client.ts";
import type { DirtyHost } from "../dirty/dirty-host.ts";
import { GunicornHost } from "../dirty/gunicorn-host.ts";
import { type Boot, onArbiterMessage, type ToChild, tellArbiter } from "../process/channel.ts";
import { ConnectionTable } from "../process/connection-table.ts";
import { leaveDebugger, listenForDebugger } from "../process/debugger.ts";
import { watchDescriptors } from "../process/descriptor-watch.ts";
import { explain } from "../process/explain.ts";
import { removeLeftovers } from "../process/leftovers.ts";
import { reportLoadedFiles } from "../process/loaded-files.ts";
import { getLogger, reopenLogs, setUpLogger } from "../process/logger.ts";
import { onParentGone } from "../process/parent-watch.ts";
import { WorkerHooks } from "../process/worker-hooks.ts";
import { AcceptGate } from "./accept-gate.ts";
import { AddressInUseError, HttpWorker } from "./http-worker.ts";
import { explainListenError, survivesListenError } from "./own-listening.ts";
import { LoadTimeoutError, loadWebApp } from "./web-app.ts";

process.title = "tsunicorn: http worker";
// Ctrl-C reaches the arbiter, which says when to stop. SIGUSR1 unhandled would open Node's inspector.
for (const signal of ["SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const)
  process.on(signal, () => {});
process.on("SIGTERM", () => void stop(true));

const HEARTBEAT_MS = 1000;
const QUICK_MS = 1000;
/** ms that a worker waits for news of the dirty side: without it the pages that need no dirty app are served all the same. */
const NEWS_MS = 2000;
let boot: Boot | undefined;
let worker: HttpWorker | undefined;
let stopping = false;
let serving = false;

onArbiterMessage((message) => {
  handle(message).catch(bootFailed);
});
onParentGone(() => {
  // With the dirty side in Gunicorn there is no dirty arbiter to do it at last.
  if (boot?.settings.dirtySocket !== undefined) removeLeftovers(boot.socketFiles, boot.folder);
  void stop(true);
});

process.on("unhandledRejection", (error) => {
  getLogger().error({ err: error }, "a promise was rejected and not handled");
});
process.on("uncaughtException", (error) => {
  const app = boot?.settings.app ?? "";
  if (!serving) {
    const listening = explainListenError(app, error);
    return bootFailed(listening === undefined ? error : new Error(listening));
  }
  if (survivesListenError(app, error)) return;
  getLogger().fatal({ err: error }, "an exception was not caught; the worker is replaced");
  process.exit(1);
});

function bootFailed(error: unknown): void {
  // What is still under way must not say that the worker is ready.
  stopping = true;
  const reason = explain(error);
  getLogger().error({ err: error }, reason);
  tellArbiter({
    type: "bootFailed",
    reason,
    ...(error instanceof LoadTimeoutError ? { final: true } : {}),
    ...(error instanceof AddressInUseError ? { addressInUse: true } : {}),
  });
  // Lets the message leave first; the arbiter reads it before it sees the end.
  setTimeout(() => process.exit(3), 50);
}

async function handle(message: ToChild): Promise<void> {
  if (message.type === "boot") {
    boot = message.boot;
    await serve(boot);
  } else if (message.type === "reopenLogs") {
    reopenLogs();
  } else if (message.type === "report") {
    tellArbiter({ type: "report", id: message.id, report: worker?.report() });
  } else if (message.type === "stop") {
    await stop(message.graceful);
  }
}

async function serve(boot: Boot): Promise<void> {
  const { settings, listeners } = boot;
  await setUpLogger({
    level: settings.logLevel,
    format: settings.logFormat,
    file: settings.logFile,
    role: "http worker",
  });
  listenForDebugger(boot);
  if (settings.reload) reportLoadedFiles();
  const dirty = dirtyHost(boot);
  dirty.open();
  await (await WorkerHooks.load(boot)).run("postFork");
  const { connectionTable: table } = boot;
  const gate = table && new AcceptGate(new ConnectionTable(table.fd), table.slot);
  worker = new HttpWorker(settings, await loadWebApp(settings.app, { workers: settings.workers }), gate);
  // Its first client must not be told that nothing is ready only because it has not been said yet what is.
  await dirty.heard(NEWS_MS);
  if (stopping) return;
  await worker.open(listeners);
  // An exception may have come meanwhile, and its reason is on its way.
  if (stopping) return;
  serving = true;
  watchDescriptors();
  tellArbiter({ type: "ready" });
  // Several beats within the time after which the arbiter takes silence for death; 0 is never.
  const beat = settings.timeout === 0 ? HEARTBEAT_MS : Math.min(HEARTBEAT_MS, settings.timeout * 250);
  setInterval(() => tellArbiter({ type: "heartbeat" }), beat);
}

function dirtyHost({ id, settings, token, dirtySocket }: Boot): DirtyHost {
  const { dirtyApps, dirtyTimeout, dirtyQueueSize, dirtyQueueTimeout, migrationLimit, streamGrace } =
    settings;
  if (settings.dirtySocket !== undefined) {
    const host = new GunicornHost({ socket: dirtySocket, apps: dirtyApps, dirtyTimeout, dirtyQueueSize });
    useDirtyHost(host);
    return host;
  }
  return setUpDirtyClient({
    socket: dirtySocket,
    hello: { token, role: "http-worker", id, pid: process.pid },
    dirtyTimeout,
    dirtyQueueTimeout,
    migrationLimit,
    streamGrace,
  });
}

async function stop(graceful: boolean): Promise<void> {
  if (stopping && graceful) return;
  stopping = true;
  if (worker !== undefined && boot !== undefined) {
    await worker.drain(graceful ? boot.settings.gracefulTimeout * 1000 : QUICK_MS);
  }
  leaveDebugger();
  process.exit(0);
}
