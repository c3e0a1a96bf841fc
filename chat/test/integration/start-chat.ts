import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(new URL("../../../server/bin/tsunicorn.mjs", import.meta.url));
const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../dist/tsunicorn.config.js", import.meta.url));
const START_MS = 20_000;
const STOP_MS = 10_000;

/** A chat server in processes of its own. */
export interface Chat {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** The arbiter's process id. */
  readonly pid: number;
  /** All that it has logged so far. */
  log(): string;
  /** Waits until the log holds a text; fails after 5 s. */
  logged(text: string): Promise<void>;
  /** Ends it, and waits until it has ended. */
  stop(): Promise<void>;
}

/** What to start the chat with besides its own configuration. */
export interface ChatOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the built chat on a free port, with one HTTP worker, and waits until it is ready. */
export async function startChat({ args = [], env = {} }: ChatOptions = {}): Promise<Chat> {
  const port = await freePort();
  const flags = ["-c", CONFIG, "--bind", `127.0.0.1:${port}`, "--workers", "1", "--log-format", "json"];
  const child = spawn(process.execPath, [COMMAND, MAIN, ...flags, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
  }
  const ended = once(child, "exit");
  const until = async (what: string, ms: number, done: () => boolean | Promise<boolean>) => {
    for (const deadline = Date.now() + ms; !(await done()); await sleep(10)) {
      if (Date.now() > deadline || child.exitCode !== null)
        throw new Error(`${what} failed; the log:\n${log}`);
    }
  };
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGQUIT");
    const overdue = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(overdue);
  };
  try {
    await until("the start", START_MS, async () => {
      const response = await fetch(`${url}/readyz`).catch(() => undefined);
      await response?.arrayBuffer();
      return response?.status === 200;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    pid: child.pid ?? 0,
    log: () => log,
    logged: (text) => until(`waiting for ${JSON.stringify(text)}`, 5000, () => log.includes(text)),
    stop,
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
