import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ServiceNotify } from "../../src/arbiter/service-notify.ts";
import { monotonicMs } from "../../src/process/clock.ts";
import { eventually } from "../integration/harness.ts";
import { NO_NOTIFY, ServiceManager } from "../integration/service-manager.ts";

let folder: string;
let logged: string;
const log = pino({ base: undefined }, { write: (line) => (logged += line) });
const open: { close(): unknown }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  logged = "";
});

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

function notifier(env: NodeJS.ProcessEnv): ServiceNotify {
  const service = new ServiceNotify({ PATH: process.env["PATH"], ...env }, log);
  open.push(service);
  return service;
}

describe("a service manager", () => {
  beforeEach(({ skip }) => {
    if (NO_NOTIFY !== undefined) skip(NO_NOTIFY);
  });

  async function serviceManager(): Promise<ServiceManager> {
    const manager = await ServiceManager.at(join(folder, "notify.sock"));
    open.push(manager);
    return manager;
  }

  test("is told of start, reload and stop, in their order", async () => {
    const manager = await serviceManager();
    const service = notifier({ NOTIFY_SOCKET: manager.socket });
    const before = monotonicMs() * 1000;
    service.ready("listening on http://127.0.0.1:8000");
    service.reloading("reloading");
    service.ready("two\nlines");
    service.stopping("stopping");
    await service.close();
    await manager.hears(/STOPPING/);
    const [ready, reloading = "", again, stopping, ...more] = manager.messages;
    expect([ready, again, stopping, more]).toEqual([
      "READY=1\nSTATUS=listening on http://127.0.0.1:8000",
      "READY=1\nSTATUS=two lines",
      "STOPPING=1\nSTATUS=stopping",
      [],
    ]);
    const usec = Number(/^RELOADING=1\nMONOTONIC_USEC=(\d+)\nSTATUS=reloading$/.exec(reloading)?.[1]);
    expect(usec).toBeGreaterThanOrEqual(Math.floor(before));
    expect(usec).toBeLessThan(monotonicMs() * 1000);
  });

  test("learns the main process where it started another", async () => {
    const manager = await serviceManager();
    notifier({ NOTIFY_SOCKET: manager.socket, SYSTEMD_EXEC_PID: "1" }).ready("on");
    expect(await manager.hears(/READY/)).toBe(`READY=1\nSTATUS=on\nMAINPID=${process.pid}`);
  });

  test("gets signs of life while the server serves and stops, if its watchdog is meant for this process", async () => {
    const manager = await serviceManager();
    const watched = { NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: "200000" };
    const other = notifier({ ...watched, WATCHDOG_PID: "1" });
    other.ready("not watched");
    await manager.hears(/READY/);
    const service = notifier({ ...watched, WATCHDOG_PID: String(process.pid) });
    expect(manager.messages).not.toContain("WATCHDOG=1");
    service.ready("watched");
    await manager.hears(/^WATCHDOG=1$/);
    service.stopping("stopping");
    await manager.hears(/STOPPING/);
    const signs = () => manager.messages.filter((message) => message === "WATCHDOG=1").length;
    const until = signs();
    await eventually("signs of life go on", () => signs() > until);
    await service.close();
    notifier({ NOTIFY_SOCKET: manager.socket }).ready("closed");
    await manager.hears(/closed/);
    // That nothing more comes shows only in the time in which two more would have come.
    const closedAt = Date.now();
    await eventually("two periods are over", () => Date.now() - closedAt > 200);
    expect(manager.messages.at(-1)).toBe("READY=1\nSTATUS=closed");
  });

  test("that does not answer is told in the log, and nothing fails", async () => {
    const service = notifier({ NOTIFY_SOCKET: join(folder, "absent.sock") });
    service.ready("on");
    await service.close();
    expect(logged).toContain("the service manager could not be notified: Failed to");
  });
});

test("without the command systemd-notify the log says once what is missing", async () => {
  const service = notifier({ NOTIFY_SOCKET: join(folder, "notify.sock"), PATH: folder });
  service.ready("on");
  service.stopping("off");
  await service.close();
  expect(logged.match(/there is no command systemd-notify/g)).toHaveLength(1);
});

test("without NOTIFY_SOCKET nothing is run", async () => {
  writeFileSync(join(folder, "systemd-notify"), `#!/bin/sh\n: > ${join(folder, "was-run")}\n`, {
    mode: 0o755,
  });
  const run = async (env: NodeJS.ProcessEnv) => {
    const service = notifier({ PATH: `${folder}:${process.env["PATH"]}`, WATCHDOG_USEC: "20000", ...env });
    service.ready("on");
    await service.close();
  };
  const wasRun = () => rmSync(join(folder, "was-run"));
  await run({});
  expect(wasRun).toThrow();
  await run({ NOTIFY_SOCKET: "/run/notify" });
  expect(wasRun).not.toThrow();
});

test("the variables are taken out of the environment, so that no child speaks for the server", () => {
  const env = { NOTIFY_SOCKET: "/run/notify", WATCHDOG_USEC: "1", WATCHDOG_PID: "1", OTHER: "stays" };
  open.push(new ServiceNotify(env, log));
  expect(env).toEqual({ OTHER: "stays" });
});
