import { type Logger, pino } from "pino";
import { explain } from "./explain.ts";
import { LogFile } from "./log-file.ts";

/** How lines look: `json`, `pretty`, or by whether they go to a terminal. */
export type LogFormat = "auto" | "json" | "pretty";

/** What a process's logger is made of. */
export interface LoggerOptions {
  level: string;
  format: LogFormat;
  /** Who writes: `arbiter`, `http worker` … */
  role: string;
  /** Absolute path of the file that lines are appended to; default: standard output. */
  file?: string | undefined;
}

const KEY = Symbol.for("tsunicorn.logger");
const slot = globalThis as { [KEY]?: Logger };

/** The logger of this process. Before the process was set up, one that writes JSON lines. */
export function getLogger(): Logger {
  slot[KEY] ??= pino();
  return slot[KEY];
}

let logFile: LogFile | undefined;

/**
 * Makes the logger of this process. Lines are written synchronously: the last line before a crash is the
 * one that explains it.
 * @throws Error when the log file cannot be opened.
 */
export async function setUpLogger({ level, format, role, file }: LoggerOptions): Promise<Logger> {
  const terminal = file === undefined && process.stdout.isTTY === true;
  const pretty = format === "pretty" || (format === "auto" && terminal);
  const options = { level, base: { pid: process.pid, role } };
  if (pretty) {
    const { build, prettyFactory } = await import("pino-pretty");
    const look = {
      colorize: terminal,
      translateTime: "SYS:HH:MM:ss.l",
      // One line a message: what the access log's message says already is not said again behind it.
      singleLine: true,
      ignore: "pid,role,method,url,status,ms,remote,agent,complete",
      messageFormat: "{role} {pid}: {msg}",
    };
    if (file === undefined) {
      slot[KEY] = pino(options, build({ ...look, sync: true }));
    } else {
      const target = openLogFile(file);
      // A log file outlives the day that it was begun on.
      const render = prettyFactory({ ...look, translateTime: "SYS:yyyy-mm-dd HH:MM:ss.l" });
      slot[KEY] = pino(options, { write: (line) => target.write(render(line)) });
    }
  } else {
    slot[KEY] = pino(
      {
        ...options,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      file === undefined ? pino.destination({ fd: 1, sync: true }) : openLogFile(file),
    );
  }
  return slot[KEY];
}

/**
 * Opens this process's log file again, after it was moved away; without a log file it does nothing. When it
 * cannot be opened, the log goes on in the old one and says why.
 */
export function reopenLogs(): void {
  try {
    logFile?.reopen();
  } catch (error) {
    getLogger().error({ err: error }, `${explain(error)} The log goes on in the old file.`);
  }
}

function openLogFile(path: string): LogFile {
  logFile = new LogFile(path);
  return logFile;
}
