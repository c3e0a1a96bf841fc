import { type Logger, pino } from "pino";

/** How lines look: `json`, `pretty`, or by whether standard output is a terminal. */
export type LogFormat = "auto" | "json" | "pretty";

/** What a process's logger is made of. */
export interface LoggerOptions {
  level: string;
  format: LogFormat;
  /** Who writes: `arbiter`, `http worker` … */
  role: string;
}

const KEY = Symbol.for("tsunicorn.logger");
const slot = globalThis as { [KEY]?: Logger };

/** The logger of this process. Before the process was set up, one that writes JSON lines. */
export function getLogger(): Logger {
  slot[KEY] ??= pino();
  return slot[KEY];
}

/**
 * Makes the logger of this process. Lines are written synchronously: the last line before a crash is the
 * one that explains it.
 */
export async function setUpLogger({ level, format, role }: LoggerOptions): Promise<Logger> {
  const pretty = format === "pretty" || (format === "auto" && process.stdout.isTTY === true);
  const options = { level, base: { pid: process.pid, role } };
  if (pretty) {
    const { build } = await import("pino-pretty");
    const stream = build({
      sync: true,
      colorize: process.stdout.isTTY === true,
      translateTime: "SYS:HH:MM:ss.l",
      // One line a message: what the access log's message says already is not said again behind it.
      singleLine: true,
      ignore: "pid,role,method,url,status,ms,remote,agent,complete",
      messageFormat: "{role} {pid}: {msg}",
    });
    slot[KEY] = pino(options, stream);
  } else {
    slot[KEY] = pino(
      {
        ...options,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      pino.destination({ fd: 1, sync: true }),
    );
  }
  return slot[KEY];
}
