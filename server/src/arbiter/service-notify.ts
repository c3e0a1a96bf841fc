import { execFile } from "node:child_process";
import type { Logger } from "pino";
import { explain } from "../process/explain.ts";

/** ms that the helper gets for one message; it waits for the service manager to have read it. */
const SEND_MS = 5000;
/** Messages that may wait for those before them; only a service manager that does not read lets them pile up. */
const MOST_WAITING = 8;

/** What a service manager is told, by the names of sd_notify(3). */
type Assignments = Readonly<Record<string, string | number | bigint>>;

/**
 * Tells a service manager (systemd) how the server is, where it asks for it by NOTIFY_SOCKET; else it does
 * nothing. Node has no datagram sockets for paths, so the command systemd-notify sends each message: the unit
 * needs NotifyAccess=all.
 */
export class ServiceNotify {
  private readonly log: Logger;
  /** The environment of the helper; undefined: the service manager wants no messages, or none can be sent. */
  private env: NodeJS.ProcessEnv | undefined;
  /** ms between two signs of life; 0: none are wanted. */
  private readonly watchdogMs: number;
  /** The id that the service manager does not know as the service's main process, where that is so. */
  private readonly mainPid: number | undefined;
  private watchdog: NodeJS.Timeout | undefined;
  private sending: Promise<void> = Promise.resolve();
  private waiting = 0;

  /**
   * @param env NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are taken out of it, so that no child speaks for
   *   the server.
   */
  constructor(env: NodeJS.ProcessEnv, log: Logger, pid: number = process.pid) {
    this.log = log;
    const {
      NOTIFY_SOCKET: socket,
      WATCHDOG_USEC: usec,
      WATCHDOG_PID: watched,
      SYSTEMD_EXEC_PID: known,
    } = env;
    if (socket !== undefined && socket !== "") this.env = { PATH: env["PATH"], NOTIFY_SOCKET: socket };
    const mine = watched === undefined || watched === String(pid);
    // Twice within its time, as sd_watchdog_enabled(3) asks.
    this.watchdogMs = mine && /^\d{1,15}$/.test(usec ?? "") ? Number(usec) / 2000 : 0;
    this.mainPid = known !== undefined && known !== String(pid) ? pid : undefined;
    for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete env[name];
  }

  /**
   * The server serves, or its reload is over. From the first time on the watchdog, where there is one, is told
   * that the arbiter's event loop turns.
   */
  ready(status: string): void {
    const ready = { READY: 1, STATUS: status };
    this.send(this.mainPid === undefined ? ready : { ...ready, MAINPID: this.mainPid });
    if (this.env === undefined || this.watchdogMs === 0 || this.watchdog !== undefined) return;
    // A timer takes at most 2^31 ms.
    const ms = Math.min(this.watchdogMs, 0x7fffffff);
    this.watchdog = setInterval(() => {
      if (this.waiting === 0) this.send({ WATCHDOG: 1 });
    }, ms).unref();
  }

  /** A reload begins; `ready` says that it is over, whether it succeeded or not. */
  reloading(status: string): void {
    this.send({ RELOADING: 1, MONOTONIC_USEC: process.hrtime.bigint() / 1000n, STATUS: status });
  }

  /** The server stops. The signs of life go on: a long drain must not count as a hang. */
  stopping(status: string): void {
    this.send({ STOPPING: 1, STATUS: status });
  }

  /** Ends the signs of life. Resolves when what was said has been sent, or could not be. */
  async close(): Promise<void> {
    clearInterval(this.watchdog);
    await this.sending;
  }

  private send(what: Assignments): void {
    if (this.env === undefined || this.waiting >= MOST_WAITING) return;
    this.waiting++;
    // One after the other: STOPPING must not overtake READY.
    this.sending = this.sending.then(async () => {
      await this.run(Object.entries(what).map(([name, value]) => `${name}=${oneLine(String(value))}`));
      this.waiting--;
    });
  }

  private run(args: string[]): Promise<void> {
    const { env } = this;
    if (env === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      execFile(
        "systemd-notify",
        args,
        { env, timeout: SEND_MS, killSignal: "SIGKILL" },
        (error, _out, said) => {
          if (error !== null) this.failed(error, said);
          resolve();
        },
      );
    });
  }

  private failed(error: Error & { code?: unknown; killed?: boolean }, said: string): void {
    if (error.code === "ENOENT") {
      this.env = undefined;
      this.log.warn(
        "NOTIFY_SOCKET is set, but there is no command systemd-notify to answer with: install it, or the service manager will take the start for failed (Type=exec needs no answer)",
      );
      return;
    }
    const why = error.killed ? `it took longer than ${SEND_MS / 1000} s` : said.trim() || explain(error);
    this.log.warn(`the service manager could not be notified: ${why}`);
  }
}

/** A message is made of lines, so a text must be one. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
