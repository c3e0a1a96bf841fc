/**
 * Entry of a dirty worker: imports the apps, is told which of them it runs, loads those, and serves them
 * until the arbiter stops it or is gone.
 */
import { join } from "node:path";
import { isInPython, parseAppSpec, resolveAppFile } from "../config/app-spec.ts";
import { setUpDirtyClient } from "../dirty/client.ts";
import { requestStorage } from "../dirty/request.ts";
import { stash } from "../dirty/stash.ts";
import { type Boot, onArbiterMessage, type ToChild, tellArbiter } from "../process/channel.ts";
import { leaveDebugger, listenForDebugger } from "../process/debugger.ts";
import { watchDescriptors } from "../process/descriptor-watch.ts";
import { explain } from "../process/explain.ts";
import { loadModule } from "../process/load-module.ts";
import { reportLoadedFiles } from "../process/loaded-files.ts";
import { getLogger, reopenLogs, setUpLogger } from "../process/logger.ts";
import { onParentGone, orphanSeconds } from "../process/parent-watch.ts";
import { RequestLimit } from "../process/request-limit.ts";
import { WorkerHooks } from "../process/worker-hooks.ts";
import { AppClass } from "./app-host.ts";
import { DirtyWorker } from "./dirty-worker.ts";
import { joinStashes } from "./stash-declarations.ts";

process.title = "tsunicorn: dirty worker";
// The arbiter says when to stop. A signal to the whole process group must not end the dirty side while HTTP
// workers still drain; SIGUSR1 unhandled would open Node's inspector.
for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
  process.on(signal, () => {});
}

let boot: Boot | undefined;
let hooks: WorkerHooks | undefined;
let classes: AppClass[] = [];
let running: string[] = [];
let worker: DirtyWorker | undefined;
let stopping = false;

onArbiterMessage((message) => {
  handle(message).catch(bootFailed);
});
onParentGone(() => {
  // HTTP workers drain first, and need this one until then.
  void worker?.unused((boot?.settings.dirtyGracefulTimeout ?? 0) * 1000).then(() => stop(true));
  if (worker === undefined) process.exit(0);
});

process.on("unhandledRejection", (error) => {
  getLogger().error({ err: error, requestId: currentRequestId() }, "a promise was rejected and not handled");
});
process.on("uncaughtException", (error) => {
  getLogger().fatal(
    { err: error, requestId: currentRequestId() },
    "an exception was not caught; the worker is replaced",
  );
  process.exit(1);
});

async function handle(message: ToChild): Promise<void> {
  if (message.type === "boot") {
    boot = message.boot;
    const { settings } = boot;
    await setUpLogger({
      level: settings.logLevel,
      format: settings.logFormat,
      file: settings.logFile,
      role: "dirty worker",
    });
    listenForDebugger(boot);
    // Before any app is imported, because its module may ask for the client. It connects with its first use.
    setUpDirtyClient({
      socket: boot.dirtySocket,
      hello: { token: boot.token, role: "app", id: boot.id, pid: process.pid },
      dirtyTimeout: settings.dirtyTimeout,
      dirtyQueueTimeout: settings.dirtyQueueTimeout,
      migrationLimit: settings.migrationLimit,
      streamGrace: settings.streamGrace,
    });
    if (settings.reload) reportLoadedFiles();
    hooks = await WorkerHooks.load(boot);
    await hooks.run("dirtyPostFork");
    classes = await Promise.all(specsOf(boot).map(importApp));
    joinStashes(classes.map((app) => [app.name, app.stashes()]));
    tellArbiter({ type: "loaded", apps: classes.map((app) => app.describe()) });
  } else if (message.type === "assign" && boot !== undefined) {
    Object.assign(process.env, message.env);
    await serve(boot, message.apps);
  } else if (message.type === "retire") {
    worker?.retire(message.keep);
  } else if (message.type === "reopenLogs") {
    reopenLogs();
  } else if (message.type === "report") {
    tellArbiter({ type: "report", id: message.id, report: worker?.report() });
  } else if (message.type === "stop") {
    await stop(message.graceful, message.linger);
  }
}

/** The apps whose modules this worker imports: its own one, or all that share their workers. */
function specsOf({ ownApp, settings }: Boot): string[] {
  if (ownApp === undefined) return settings.dirtyApps.filter((spec) => !isInPython(spec));
  return settings.dirtyApps.filter((spec) => parseAppSpec(spec, settings.chdir).name === ownApp.name);
}

async function importApp(spec: string): Promise<AppClass> {
  const { path, query, className, workers, name } = parseAppSpec(spec);
  try {
    const module = await loadModule(resolveAppFile(path, process.cwd()), query);
    if (!(className in module)) throw new Error(`The module exports no ${className}.`);
    return new AppClass(name, module[className], workers);
  } catch (error) {
    throw new Error(`The dirty app ${spec} cannot be loaded`, { cause: error });
  }
}

async function serve({ id, folder, dirtySocket, token, settings }: Boot, apps: string[]): Promise<void> {
  const mine = classes.filter((app) => apps.includes(app.name));
  process.title = `tsunicorn: dirty worker [${mine.map(({ name }) => shortName(name)).join(" ")}]`;
  await Promise.all(mine.map(makeStashes));
  const hosts = await Promise.all(
    mine.map((app) =>
      app.load().catch((error: unknown) => {
        throw new Error(`init() of the dirty app ${app.name} failed`, { cause: error });
      }),
    ),
  );
  running = hosts.map((host) => host.name);
  await hooks?.run("dirtyWorkerInit", running);
  const hello = { token, role: "dirty-worker" as const, id, pid: process.pid };
  const streams = { graceMs: settings.streamGrace * 1000 };
  const limit = new RequestLimit(settings.dirtyMaxRequests, settings.dirtyMaxRequestsJitter, () =>
    tellArbiter({ type: "wornOut" }),
  );
  worker = new DirtyWorker({
    socket: join(folder, `w${id}.sock`),
    dirtySocket,
    hello,
    hosts,
    streams,
    limit,
  });
  await worker.open();
  watchDescriptors();
  tellArbiter({ type: "ready" });
}

/** An app's class, and the query that tells it from others of the same class: what `ps` has room for. */
function shortName(name: string): string {
  const { className, query } = parseAppSpec(name);
  return `${className}${query}`;
}

async function makeStashes(app: AppClass): Promise<void> {
  for (const [name, options] of app.stashes()) {
    try {
      await stash.ensure(name, options);
    } catch (error) {
      throw new Error(`The stash table "${name}" of the dirty app ${app.name} cannot be made`, {
        cause: error,
      });
    }
  }
}

async function stop(graceful: boolean, linger = false): Promise<void> {
  if (!linger) worker?.endLingering();
  if (!graceful) worker?.endDrain();
  if (stopping) return;
  stopping = true;
  if (worker !== undefined && boot !== undefined) {
    const { dirtyGracefulTimeout, dirtyAbortGrace } = boot.settings;
    if (graceful) await worker.drain(dirtyGracefulTimeout * 1000, linger);
    await worker.close(dirtyAbortGrace * 1000, (app) => tellEnding(`close() of the dirty app ${app}`));
    await hooks?.runLast("dirtyWorkerExit", running);
  }
  leaveDebugger();
  process.exit(0);
}

/** Says which code of the user's is called last. Should it hang, the process that kills this one can tell why. */
function tellEnding(step: string): void {
  if (process.connected) {
    tellArbiter({ type: "ending", step });
    return;
  }
  const seconds = boot === undefined ? 0 : orphanSeconds(boot.settings);
  getLogger().warn(`${step} is called; ${seconds} s after the arbiter's end this process is killed`);
}

function bootFailed(error: unknown): void {
  const reason = explain(error);
  getLogger().error({ err: error }, reason);
  tellArbiter({ type: "bootFailed", reason });
  // Lets the message leave first; the arbiter reads it before it sees the end.
  setTimeout(() => process.exit(3), 50);
}

function currentRequestId(): string | undefined {
  return requestStorage().getStore()?.id;
}
