import { expect, test } from "vitest";
import { ProcessMeter } from "../../src/process/reports.ts";

test("a process measures its memory, and its event loop since it was last asked", async () => {
  const meter = new ProcessMeter();
  const until = performance.now() + 50;
  while (performance.now() < until);
  const busy = meter.read();
  expect(busy.rss).toBeGreaterThan(10 * 1024 ** 2);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const idle = meter.read();
  expect(idle.loop).toBeLessThan(busy.loop);
  expect(idle.loop).toBeGreaterThanOrEqual(0);
  expect(busy.loop).toBeLessThanOrEqual(1);
});
