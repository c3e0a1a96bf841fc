import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/**
 * Printed by the run too. Of this one it is known that it has every action, does them to every kind, and leaves no dirty
 * worker stuck, for whose end the test would have to wait.
 */
const SEED = "266";
const LIMIT_MS = 240_000;

async function chaos(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ["--import", "tsx", "chaos/main.ts", ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const timer = setTimeout(() => child.kill("SIGTERM"), LIMIT_MS - 20_000);
  const [code] = await once(child, "close");
  clearTimeout(timer);
  return { code, output };
}

test("under faults every client gets its own tokens, or an error in time", {
  timeout: LIMIT_MS,
}, async () => {
  const args = ["--seconds", "12", "--streams", "20", "--every", "500", "--calm", "2", "--words", "25"];
  const { code, output } = await chaos(...args, "--reload-every", "8000", "--seed", SEED);
  expect(code, output).toBe(0);
  expect(output).toContain(`seed ${SEED}: 0 violations`);
  // A run in which little happened has shown nothing.
  expect(Number(/tokens: (\d+)/.exec(output)?.[1]), output).toBeGreaterThan(1_000);
});

test("a flag that is wrong ends the chaos before it starts anything", { timeout: LIMIT_MS }, async () => {
  expect(await chaos("--streams", "none")).toEqual({
    code: 2,
    output: "chaos: --streams none: must be a number above 0\n",
  });
});
