import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HAS_LLAMA } from "../../chat/test/models/llama/tiny-llama.ts";
import { NO_PYTHON } from "../../server/test/python/python.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LIMIT_MS = 300_000;

const LLAMA_ROWS = [
  "llama",
  "llama-first-token",
  "llama-http",
  "llama-users",
  "llama-users-by-one",
  "llama-tiny",
  "llama-tiny-first-token",
  "llama-tiny-http",
];
const PYTHON_ROWS = [
  "python",
  "python-cpu",
  "python-async",
  "python-by-typescript",
  "python-paced-cpu",
  "python-paced-cpu-async",
];

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

test("the bench measures every row of its table and writes them as JSON", { timeout: LIMIT_MS }, async () => {
  const file = join(folder, "results", "bench.json");
  const { code, stdout, stderr } = await bench("--quick", "--json", file);
  const report = JSON.parse(await readFile(file, "utf8"));
  expect(report.problems, stderr).toEqual([]);
  expect(code).toBe(0);
  expect(report).toMatchObject({ quick: true, pairs: 1 });
  const names = report.rows.map((row: { name: string }) => row.name);
  expect(names).toEqual([
    "throughput",
    "cpu-per-token",
    "token-gap",
    "first-token",
    "open-stream-failures",
    "memory-per-stream",
    "health-while-spinning",
    "start-to-ready",
    "default-tree",
    ...(HAS_LLAMA ? LLAMA_ROWS : []),
    ...(NO_PYTHON === undefined ? PYTHON_ROWS : []),
    "disconnect-to-abort",
    "disconnect-to-abort-p50",
    "recovery-http-worker",
    "recovery-dirty-worker",
    "recovery-dirty-arbiter",
    "kill-to-next-token",
    "kill-to-next-token-p50",
    "reload-dip",
    "reload-dip-worst",
  ]);
  if (!HAS_LLAMA) expect(stdout).toContain("llama was left out: node-llama-cpp is not installed");
  if (NO_PYTHON !== undefined) expect(stdout).toContain("python was left out: there is no python3");
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
