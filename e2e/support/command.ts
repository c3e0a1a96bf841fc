import { type ChildProcess, spawn } from "node:child_process";
import { delimiter, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { waitFor } from "./wait.ts";

/** Absolute path of the repository. */
export const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** What a person's shell would give: none of the variables that vitest and npm set for their children. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  const kept =
    /^(PATH|HOME|LANG|LC_.*|TMPDIR|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|npm_config_(registry|cache))$/i;
  for (const [name, value] of Object.entries(process.env)) if (kept.test(name)) env[name] = value;
  // Whatever "node" means on this machine, the tests are about the one that runs them.
  env.PATH = [dirname(process.execPath), env.PATH].join(delimiter);
  return env;
}

/** How to start a command. */
export interface CommandOptions {
  cwd: string;
  env?: NodeJS.ProcessEnv;
  /** User to become; only where the tests run as root. */
  uid?: number;
}

/** A process of a test, with all that it printed. It leads a group of its own, so that none of it is left over. */
export class Command {
  readonly #child: ChildProcess;
  /** Settles with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  output = "";
  isRunning = true;

  /** Starts it. */
  constructor(file: string, args: readonly string[], options: CommandOptions) {
    this.#child = spawn(file, args, {
      cwd: options.cwd,
      env: { ...plainEnvironment(), ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      uid: options.uid,
      gid: options.uid,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    this.ended = new Promise((settle, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        this.isRunning = false;
        settle(code ?? signal ?? -1);
      });
    });
    // A test that waits for the end gets the rejection. Without one it must not count as unhandled.
    this.ended.catch(() => undefined);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the command could not be started");
    return this.#child.pid;
  }

  /** Sends a signal to this process alone, as `kill` does. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Sends a signal to the process and all of its group, as Ctrl-C in a terminal does. */
  signalGroup(name: NodeJS.Signals): void {
    process.kill(-this.pid, name);
  }

  /** Ends whatever of the group is left, without mercy. For the end of a test. */
  clear(): void {
    try {
      this.signalGroup("SIGKILL");
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

/**
 * Runs a command to its end.
 * @returns what it printed, stdout and stderr together
 * @throws with the output, when it exits with anything but 0 or not within `deadline` milliseconds
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions & { deadline?: number },
): Promise<string> {
  const command = new Command(file, args, options);
  const timer = setTimeout(() => command.clear(), options.deadline ?? 240_000);
  const code = await command.ended;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${code}:\n${command.output}`);
  return command.output;
}

/** Waits until a chat server says that it is ready, or has ended instead. */
export async function untilReady(command: Command, url: string, deadline = 120_000): Promise<void> {
  const ready = async (): Promise<boolean> => {
    if (!command.isRunning) throw new Error(`the server ended:\n${command.output}`);
    return await fetch(`${url}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
  };
  await waitFor(`${url}/readyz`, ready, deadline).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${command.output}`);
  });
}

/** Whether the npm registry can be reached: without it, nothing can be installed into an empty folder. */
export async function hasRegistry(): Promise<boolean> {
  const args = ["ping", "--fetch-retries=0", "--fetch-timeout=10000"];
  return await runCommand("npm", args, { cwd: repository, deadline: 30_000 }).then(
    () => true,
    () => false,
  );
}
