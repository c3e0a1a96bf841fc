/** `tsunicorn ctl`, as an operator types it. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../bin/tsunicorn.mjs", import.meta.url));

/** What a command printed, and its exit code. */
export interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs `tsunicorn ctl` where a server keeps its temporary files. */
export async function ctl(server: { readonly pid: number }, ...args: string[]): Promise<CommandResult> {
  return command(["ctl", ...args], { TMPDIR: temporaryOf(server) });
}

/** Runs `tsunicorn` with these arguments, and nothing of this process's environment but the path of programs. */
export async function command(args: string[], env: NodeJS.ProcessEnv): Promise<CommandResult> {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let error = "";
  child.stdout.on("data", (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    error += data.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out, error };
}

/** What the command prints with `--json`, read. */
export async function ctlJson<T>(server: { readonly pid: number }, ...args: string[]): Promise<T> {
  const { code, out, error } = await ctl(server, ...args, "--json");
  if (code !== 0) throw new Error(`ctl ${args.join(" ")} ended with ${code}: ${error}`);
  return JSON.parse(out) as T;
}

/** The folder that a server has for its temporary files. */
export function temporaryOf({ pid }: { readonly pid: number }): string {
  const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
  return /(?:^|\0)TMPDIR=([^\0]+)/.exec(environment)?.[1] ?? "";
}
