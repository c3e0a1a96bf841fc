/**
 * Entry of the arbiter: the process of the `tsunicorn` command itself. Signals only enqueue; one loop carries
 * them out, one after the other.
 */

import inspector from "node:inspector";
import type { Logger } from "pino";
import { describeSource } from "../config/layer.ts";
import type { LoadedConfig } from "../config/load.ts";
import { loadConfigApart } from "../config/load-apart.ts";
import { explain } from "../process/explain.ts";
import { setUpLogger } from "../process/logger.ts";
import { complain } from "../process/standard-streams.ts";
import { Arbiter } from "./arbiter.ts";
import { Control } from "./control.ts";
import { FileWatcher } from "./file-watcher.ts";
import { HookThread } from "./hook-thread.ts";
import type { ListeningSocket } from "./listening-socket.ts";
import { Pidfile } from "./pidfile.ts";
import { reloadOnChange } from "./reload-on-change.ts";
import { ServiceNotify } from "./service-notify.ts";
import { takeInheritedSockets, unmatchedBinds } from "./socket-activation.ts";

const SIGNALS = [
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGHUP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGUSR1",
  "SIGUSR2",
] as const;
// Ctrl-C under npm arrives twice: from the terminal, and passed on by npm. Only a later one means "by force".
const ONE_CTRL_C_MS = 500;
type Signal = (typeof SIGNALS)[number];

/**
 * Runs the server until it has stopped, and ends the process: with 0 after an orderly stop, 1 when an address
 * cannot be bound or `onStarting` fails, 3 when a kind of child cannot start.
 */
export async function runArbiter(loaded: LoadedConfig): Promise<never> {
  const { settings } = loaded;
  let config = loaded;
  let reread = loaded;
  let reads = 0;
  process.title = settings.name === "" ? "tsunicorn: arbiter" : `tsunicorn: arbiter [${settings.name}]`;
  const log = await setUpLogger({
    level: settings.logLevel,
    format: settings.logFormat,
    file: settings.logFile,
    role: "arbiter",
  });
  if (inspector.url() !== undefined)
    log.warn(
      "Node's own --inspect reaches the arbiter, which runs no code of yours: tsunicorn --inspect reaches HTTP workers, --dirty-inspect dirty workers",
    );
  const service = new ServiceNotify(process.env, log);
  const inherited = beforeStart(() => takeInheritedSockets(process.env));
  if (inherited.length > 0) describeInherited(loaded, inherited, log);
  const pidfile =
    settings.pidfile === undefined ? undefined : beforeStart(() => Pidfile.write(settings.pidfile ?? ""));
  const hooks = new HookThread(loaded.configFile, loaded.hooks, log);
  const server = {
    reload: () => arbiter.reload(),
    restart: (kinds: Parameters<Arbiter["restart"]>[0]) => arbiter.restart(kinds),
  };
  const watcher = settings.reload
    ? new FileWatcher(loaded.configFile, reloadOnChange(server, log), log)
    : undefined;
  const arbiter: Arbiter = new Arbiter({
    settings,
    log,
    hooks,
    watcher,
    reread: async () => {
      const read = ++reads;
      const next = await loadConfigApart(loaded.argv, loaded.env, loaded.cwd);
      // A later reload has begun meanwhile, and the arbiter gives this one up.
      if (read !== reads) return next.settings;
      reread = next;
      hooks.replace(next.configFile, next.hooks);
      watcher?.configLoaded(next.configFile);
      return next.settings;
    },
    opened: (folder) => control.open(folder),
    inherited,
    files: () => [
      ...control.files,
      ...(pidfile === undefined ? [] : [{ path: pidfile.path, inode: pidfile.inode }]),
    ],
    events: {
      listening: (status) => service.ready(status),
      reloading: () => service.reloading("reloading"),
      reloaded: (status, serves) => {
        if (serves) config = reread;
        service.ready(status);
      },
      stopping: (status) => service.stopping(status),
    },
  });
  const control: Control = new Control(arbiter, () => config);
  const stopAsked = signalled();
  const forced = signalled();
  let interruptedAt = 0;
  const handlers: Record<Signal, () => void> = {
    SIGINT: () => {
      const now = Date.now();
      if (interruptedAt === 0) {
        interruptedAt = now;
        arbiter.stop(false);
      } else if (now - interruptedAt > ONE_CTRL_C_MS) {
        arbiter.force();
        forced.now();
      }
      stopAsked.now();
    },
    SIGQUIT: () => {
      arbiter.stop(false);
      stopAsked.now();
    },
    SIGTERM: () => {
      arbiter.stop(true);
      stopAsked.now();
    },
    SIGTTIN: () => arbiter.scaleHttp(1),
    SIGTTOU: () => arbiter.scaleHttp(-1),
    // Why a reload was given up is in the log already.
    SIGHUP: () => void arbiter.reload().catch(() => {}),
    SIGUSR1: () => arbiter.reopenLogs(),
    SIGUSR2: () => log.debug("SIGUSR2 means nothing here"),
  };
  const queue: Signal[] = [];
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (queue.push(signal) === 1) {
        setImmediate(() => {
          for (const next of queue.splice(0)) handlers[next]();
        });
      }
    });
  }
  try {
    // A stop does not wait for an onStarting that hangs.
    await Promise.race([hooks.run("onStarting", arbiter.state), stopAsked.promise]);
    await arbiter.start();
  } catch (error) {
    control.close();
    pidfile?.remove();
    endStart(error);
  }
  const { code, reason } = await arbiter.ended;
  if (reason !== undefined) complain(reason);
  watcher?.close();
  await Promise.race([hooks.exit(arbiter.state), forced.promise]);
  control.close();
  pidfile?.remove();
  log.info("stopped");
  await service.close();
  process.exit(code);
}

function beforeStart<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    endStart(error);
  }
}

// One clear line on the terminal of the user who started it. The log has nothing to add.
function endStart(error: unknown): never {
  complain(explain(error));
  process.exit(1);
}

function describeInherited(
  { settings, sources }: LoadedConfig,
  inherited: readonly ListeningSocket[],
  log: Logger,
): void {
  log.info(`inherited instead of bind: ${inherited.map((socket) => socket.url).join(", ")}`);
  // What a config file or the default has, the service manager was meant to replace.
  const { kind } = sources.bind;
  const unmatched = unmatchedBinds(kind === "flag" || kind === "environment" ? settings.bind : [], inherited);
  if (unmatched.length === 0) return;
  log.warn(
    `${unmatched.join(", ")} (from ${describeSource(sources.bind)}) is not an inherited socket, so the server does not listen there`,
  );
}

/** A promise that a signal resolves. */
function signalled(): { promise: Promise<void>; now: () => void } {
  let now = (): void => {};
  const promise = new Promise<void>((resolve) => {
    now = resolve;
  });
  return { promise, now };
}
