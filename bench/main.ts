import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCommandLine, usage } from "./command-line.ts";
import type { LoadResult } from "./load/messages.ts";
import type { Bench, Measure } from "./measure.ts";
import { abort } from "./measures/abort.ts";
import { firstToken } from "./measures/first-token.ts";
import { llama } from "./measures/llama.ts";
import { migration } from "./measures/migration.ts";
import { openStreams } from "./measures/open-streams.ts";
import { paced } from "./measures/paced.ts";
import { page } from "./measures/page.ts";
import { python } from "./measures/python.ts";
import { recovery } from "./measures/recovery.ts";
import { reload } from "./measures/reload.ts";
import { requests } from "./measures/requests.ts";
import { spinning } from "./measures/spinning.ts";
import { start } from "./measures/start.ts";
import { throughput } from "./measures/throughput.ts";
import type { Row } from "./row.ts";
import { killServers } from "./servers.ts";
import { table } from "./table.ts";

const MEASURES: readonly Measure[] = [
  throughput,
  paced,
  firstToken,
  openStreams,
  spinning,
  requests,
  start,
  llama,
  python,
  abort,
  recovery,
  migration,
  reload,
  page,
];
const NAMES = MEASURES.map((measure) => measure.name);
const RESULTS = fileURLToPath(new URL("./results/", import.meta.url));

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  return 2;
});

/** Gives the exit code: 0 when all was measured, 1 when answers were wrong or a measure could not run. */
async function main(): Promise<number> {
  const options = parseCommandLine(process.argv.slice(2), NAMES);
  if (options.help) {
    process.stdout.write(usage(NAMES));
    return 0;
  }
  if (process.platform !== "linux") throw new Error("CPU time and memory are read from /proc: Linux only");
  const folder = mkdtempSync(join(tmpdir(), "tsunicorn-bench-"));
  const cleanUp = () => {
    killServers();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", cleanUp);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => process.exit(130));

  // The servers run a copy of Node's binary: with the same file, the bench and its client would share its
  // pages with them, and the servers' PSS would be too small by that share.
  const node = join(folder, "node");
  copyFileSync(options.node, node);
  const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  const cores = availableParallelism();
  const notes = [
    `The load client runs on the same ${cores} core${cores === 1 ? "" : "s"} as the servers.`,
    "Figures are medians of the pairs; ratio and spread are over the ratios of the pairs.",
  ];
  if (options.quick) notes.push("A quick run: its figures mean nothing.");
  const failed = new Set<string>();
  const loads: ({ what: string } & LoadResult)[] = [];
  const bench: Bench = {
    node,
    nodeMajor: Number(/^v(\d+)\./.exec(version)?.[1]),
    pairs: options.pairs,
    folder,
    quick: options.quick,
    progress: (text) => process.stderr.write(`${text}\n`),
    record: (what, result) => loads.push({ what, ...result }),
    note: (text) => notes.push(text),
    fail: (text) => failed.add(text),
  };

  const startedAt = new Date();
  const rows: Row[] = [];
  for (const measure of MEASURES) {
    if (options.only.length > 0 && !options.only.includes(measure.name)) continue;
    try {
      rows.push(...(await measure.run(bench)));
    } catch (error) {
      bench.fail(`${measure.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  const problems = [...failed];
  process.stdout.write(`\nNode ${version}, ${options.pairs} pairs\n\n${table(rows)}\n\n`);
  for (const note of new Set(notes)) process.stdout.write(`${note}\n`);
  for (const problem of problems) process.stdout.write(`FAILED ${problem}\n`);
  const { pairs, quick } = options;
  const report = {
    startedAt,
    node: version,
    cores,
    pairs,
    quick,
    rows,
    notes: [...new Set(notes)],
    problems,
    loads,
  };
  writeReport(options.json, startedAt, report);
  return problems.length > 0 ? 1 : 0;
}

function writeReport(file: string | null, startedAt: Date, report: object): void {
  const path = file ?? join(RESULTS, `${startedAt.toISOString().replaceAll(":", "-")}.json`);
  if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
}
