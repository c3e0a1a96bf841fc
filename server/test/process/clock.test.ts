import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { monotonicMs } from "../../src/process/clock.ts";

test("every process reads the same clock", () => {
  const before = monotonicMs();
  const source = fileURLToPath(new URL("../../dist/process/clock.js", import.meta.url));
  const script = `import(${JSON.stringify(source)}).then(({ monotonicMs }) => console.log(monotonicMs()))`;
  const other = Number(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }));
  expect(other).toBeGreaterThan(before);
  expect(other).toBeLessThan(monotonicMs());
});
