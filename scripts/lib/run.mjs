import { spawn } from "node:child_process";
import { constants } from "node:os";
import { root } from "./root.mjs";

/** A command that ended with anything but 0. `output` is all that it printed, its last 64 KiB at most. */
export class CommandFailed extends Error {
  /**
   * @param {string} what the command in words
   * @param {string} how the exit status in words
   * @param {string} output
   * @param {number} code an exit status to end with
   */
  constructor(what, how, output, code) {
    super(`${what} ${how}`);
    this.name = "CommandFailed";
    this.output = output;
    this.code = code;
  }
}

const MOST_OUTPUT = 64 * 1024;

/**
 * Runs a command to its end. An interrupt of ours ends the command first: it would go on alone otherwise, beside the next
 * command.
 * @param {string} what the command in words, for the error
 * @param {string} file
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, show?: boolean, timeout?: number }} [options]
 *   show: let it write to our own output at once (else it is kept for the error); timeout: milliseconds
 * @returns {Promise<string>} what it printed ("" with `show`); rejects with CommandFailed
 */
export function run(what, file, args, { cwd = root, env = {}, show = false, timeout } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
      timeout,
      killSignal: "SIGKILL",
    });
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-MOST_OUTPUT);
    };
    child.stdout?.setEncoding("utf8").on("data", keep);
    child.stderr?.setEncoding("utf8").on("data", keep);

    let interrupted;
    const interrupt = (signal) => {
      interrupted = signal;
      child.kill(signal);
    };
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, interrupt);
    const settle = () => {
      for (const signal of signals) process.removeListener(signal, interrupt);
      if (interrupted) process.exit(128 + constants.signals[interrupted]);
    };

    child.once("error", (error) => {
      settle();
      reject(new CommandFailed(what, `could not be started: ${error.message}`, "", 127));
    });
    child.once("close", (code, signal) => {
      settle();
      if (code === 0) resolve(output);
      else if (signal) reject(new CommandFailed(what, `was ended by ${signal}`, output, 1));
      else reject(new CommandFailed(what, `failed with exit code ${code}`, output, code ?? 1));
    });
  });
}

/**
 * Runs a script of ours and ends the process with a plain message when it fails.
 * @param {() => Promise<void>} script
 */
export async function runScript(script) {
  try {
    await script();
  } catch (error) {
    if (error instanceof CommandFailed) {
      if (error.output.trim()) process.stderr.write(`${error.output.trimEnd()}\n`);
      process.stderr.write(`${error.message}\n`);
      process.exit(error.code);
    }
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
}
