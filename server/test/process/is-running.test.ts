import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { isRunning } from "../../src/process/is-running.ts";
import { until } from "../dirty/wire-peer.ts";

test("a process runs until it has ended", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const { pid = 0 } = child;
  expect(isRunning(pid)).toBe(true);
  child.kill("SIGSTOP");
  expect(isRunning(pid)).toBe(true);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isRunning(pid)).toBe(false);
});

test.each([0, -1])("%d is not a process, though it can be sent signals", (pid) => {
  expect(isRunning(pid)).toBe(false);
});

test.runIf(process.platform === "linux")(
  "one that ended, and whose parent did not wait for it, does not run",
  async () => {
    // The shell becomes a program that never asks about the child which the shell began.
    const parent = spawn("sh", ["-c", "sleep 0.05 & echo $!; exec sleep 30"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [printed] = await once(parent.stdout, "data");
    const pid = Number(String(printed));
    await until(
      () => `process ${pid} has ended`,
      () => !isRunning(pid),
    );
    expect(() => process.kill(pid, 0)).not.toThrow();
    parent.kill("SIGKILL");
    await once(parent, "exit");
  },
);
