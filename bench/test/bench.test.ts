import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LIMIT_MS = 300_000;

/** Not all of them, since each starts servers; `.ci/run` has all run with `--quick`. Pairs under load, and ours alone. */
const MEASURES = ["throughput", "first-token", "abort"];

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tsunicorn-bench-test-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ["--import", "tsx", "bench/main.ts", ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const timer = setTimeout(() => child.kill("SIGTERM"), LIMIT_MS - 10_000);
  const [code] = await once(child, "close");
  clearTimeout(timer);
  return { code, stdout, stderr };
}

test("the bench measures what it is asked for, and writes it as JSON", { timeout: LIMIT_MS }, async () => {
  const file = join(folder, "results", "bench.json");
  const only = MEASURES.flatMap((name) => ["--only", name]);
  const { code, stdout, stderr } = await bench("--quick", ...only, "--json", file);
  const report = JSON.parse(await readFile(file, "utf8"));
  expect(report.problems, stderr).toEqual([]);
  expect(code).toBe(0);
  expect(report).toMatchObject({ quick: true, pairs: 1 });
  const names = report.rows.map((row: { name: string }) => row.name);
  expect(names).toEqual(["throughput", "first-token", "disconnect-to-abort", "disconnect-to-abort-p50"]);
  for (const row of report.rows) {
    expect(stdout).toContain(row.title);
    expect(row.ours, row.name).toEqual(expect.any(Number));
  }
});

test("a flag that is wrong ends the bench before it starts anything", { timeout: LIMIT_MS }, async () => {
  const unknown = await bench("--only", "speed");
  expect(unknown).toMatchObject({ code: 2, stdout: "" });
  expect(unknown.stderr).toContain("throughput");
  expect(await bench("--pairs", "0")).toMatchObject({
    code: 2,
    stderr: "bench: --pairs 0: must be 1 or more\n",
  });
});
