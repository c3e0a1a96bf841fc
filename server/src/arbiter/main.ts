/**
 * Entry of the arbiter: the process of the `tsunicorn` command itself. Signals only enqueue; one loop carries
 * them out, one after the other.
 */
import type { LoadedConfig } from "../config/load.ts";
import { loadConfigApart } from "../config/load-apart.ts";
import { explain } from "../process/explain.ts";
import { setUpLogger } from "../process/logger.ts";
import { Arbiter } from "./arbiter.ts";

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
 * cannot be bound, 3 when a kind of child cannot start.
 */
export async function runArbiter(loaded: LoadedConfig): Promise<never> {
  const { settings } = loaded;
  process.title = settings.name === "" ? "tsunicorn: arbiter" : `tsunicorn: arbiter [${settings.name}]`;
  const log = await setUpLogger({ level: settings.logLevel, format: settings.logFormat, role: "arbiter" });
  const arbiter = new Arbiter({
    settings,
    log,
    reread: async () => (await loadConfigApart(loaded.argv, loaded.env, loaded.cwd)).settings,
  });
  let interruptedAt = 0;
  const handlers: Record<Signal, () => void> = {
    SIGINT: () => {
      const now = Date.now();
      if (interruptedAt === 0) {
        interruptedAt = now;
        arbiter.stop(false);
      } else if (now - interruptedAt > ONE_CTRL_C_MS) {
        arbiter.force();
      }
    },
    SIGQUIT: () => arbiter.stop(false),
    SIGTERM: () => arbiter.stop(true),
    SIGTTIN: () => arbiter.scaleHttp(1),
    SIGTTOU: () => arbiter.scaleHttp(-1),
    // Why a reload was given up is in the log already.
    SIGHUP: () => void arbiter.reload().catch(() => {}),
    SIGUSR1: () => log.debug("SIGUSR1: there is no log file to open again"),
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
    await arbiter.start();
  } catch (error) {
    // One clear line where whoever started it looks; the log has nothing to add.
    process.stderr.write(`tsunicorn: ${explain(error)}\n`);
    process.exit(1);
  }
  const { code, reason } = await arbiter.ended;
  if (reason !== undefined) process.stderr.write(`tsunicorn: ${reason}\n`);
  log.info("stopped");
  process.exit(code);
}
