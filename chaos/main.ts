import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseCommandLine, USAGE } from "./command-line.ts";
import { report } from "./report.ts";
import { type RunResult, run } from "./run.ts";

const RESULTS = fileURLToPath(new URL("./results/", import.meta.url));
/** Ctrl-C under npm arrives twice: from the terminal, and passed on. Only a later one ends it by force. */
const ONE_CTRL_C_MS = 1_000;

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`);
  return 2;
});

/** Gives the exit code: 0 when every promise was kept, 1 when one was not. */
async function main(): Promise<number> {
  const options = parseCommandLine(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (process.platform !== "linux") throw new Error("processes are looked up in /proc: Linux only");
  const seed = options.seed ?? randomBytes(4).toString("hex");
  process.stdout.write(`chaos: seed ${seed}\n`);
  const result = await run({
    ...options,
    seed,
    calmSeconds: options.calm,
    signal: interrupted(),
    progress: (text) => process.stderr.write(`chaos: ${text}\n`),
  });
  process.stdout.write(`\n${report(result)}\n\nseed ${seed}: ${result.violations.length} violations\n`);
  if (result.violations.length === 0) return 0;
  process.stdout.write(`${keep(seed, result)} has the trace of each, the faults and the server's log\n`);
  return 1;
}

function interrupted(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      if (first !== 0 && Date.now() - first > ONE_CTRL_C_MS) process.exit(130);
      first ||= Date.now();
      controller.abort();
    });
  return controller.signal;
}

function keep(seed: string, { violations, faults, log }: RunResult): string {
  mkdirSync(RESULTS, { recursive: true });
  const file = `${RESULTS}${new Date().toISOString().replaceAll(":", "-")}.json`;
  writeFileSync(file, `${JSON.stringify({ seed, violations, faults: faults.faults, log }, null, 2)}\n`);
  return file;
}
