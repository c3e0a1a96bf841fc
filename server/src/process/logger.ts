import { isatty } from "node:tty";
import { type Logger, pino } from "pino";
import { explain } from "./explain.ts";
import { hideCredentials } from "./hide-credentials.ts";
import type { LineWriter } from "./line-writer.ts";
import { LogFile } from "./log-file.ts";
import { guardStandardStreams, standardOutput } from "./standard-streams.ts";

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

// Code that writes an address into an error or a message does not think of the password in it.
const HOOKS = { streamWrite: hideCredentials };
const slot = globalThis as { [KEY]?: Logger };

/** The logger of this process. Before the process was set up, one that writes JSON lines. */
export function getLogger(): Logger {
  slot[KEY] ??= pino(
    { hooks: HOOKS },
    open(undefined, (lines) => `${JSON.stringify(dropped(lines, "app"))}\n`),
  );
  return slot[KEY];
}

let logFile: LogFile | undefined;

/**
 * Makes the logger of this process. A line is written before the call returns where there is room for it: the last
 * line before a crash is the one that explains it. Without room, the line waits and the process goes on.
 * @throws Error when the log file cannot be opened.
 */
export async function setUpLogger({ level, format, role, file }: LoggerOptions): Promise<Logger> {
  const terminal = file === undefined && isatty(1);
  const pretty = format === "pretty" || (format === "auto" && terminal);
  const options = { level, base: { pid: process.pid, role }, hooks: HOOKS };
  if (pretty) {
    const { prettyFactory } = await import("pino-pretty");
    const render = prettyFactory({
      colorize: terminal,
      // A log file outlives the day that it was begun on.
      translateTime: file === undefined ? "SYS:HH:MM:ss.l" : "SYS:yyyy-mm-dd HH:MM:ss.l",
      // One line a message: what the access log's message says already is not said again behind it.
      singleLine: true,
      ignore: "pid,role,method,url,status,ms,remote,agent,complete",
      messageFormat: "{role} {pid}: {msg}",
    });
    const target = open(file, (lines) => render({ level: 40, ...dropped(lines, role), time: Date.now() }));
    slot[KEY] = pino(options, { write: (line) => target.write(render(line)) });
  } else {
    slot[KEY] = pino(
      {
        ...options,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      open(file, (lines) => `${JSON.stringify(dropped(lines, role))}\n`),
    );
  }
  guardStandardStreams((name, writes) => {
    const what = writes === 1 ? "1 write" : `${writes} writes`;
    getLogger().warn(`${what} of the app to ${name} were dropped: nothing took them`);
  });
  return slot[KEY];
}

function open(file: string | undefined, describe: (lines: number) => string): LogFile | LineWriter {
  if (file === undefined) return standardOutput(describe);
  logFile = new LogFile(file, describe);
  return logFile;
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

/** The line that stands where lines of the log are missing. */
function dropped(lines: number, role: string): object {
  const msg = `${lines} ${lines === 1 ? "line" : "lines"} of the log could not be written`;
  return { level: "warn", time: new Date().toISOString(), pid: process.pid, role, msg };
}
