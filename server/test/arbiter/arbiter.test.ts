import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Arbiter } from "../../src/arbiter/arbiter.ts";
import type { Settings } from "../../src/config/settings.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  vi.stubEnv("TMPDIR", folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

function settings(bind: string[]): Settings {
  return {
    app: "main.js",
    config: undefined,
    chdir: folder,
    name: "test",
    bind,
    workers: 1,
    backlog: 16,
    timeout: 30,
    gracefulTimeout: 1,
    keepalive: 5,
    headersTimeout: 10,
    requestTimeout: 60,
    maxHeaderSize: 8190,
    dirtyApps: [],
    dirtyWorkers: 0,
    dirtyTimeout: 300,
    dirtyGracefulTimeout: 1,
    dirtyInitTimeout: 300,
    dirtyQueueSize: 1024,
    dirtyQueueTimeout: 30,
    dirtyAbortGrace: 2,
    dirtyBind: undefined,
    logLevel: "error",
    logFormat: "json",
    accessLog: false,
  };
}

test("a stop that comes while the sockets are being bound leaves none of them behind", async () => {
  const web = join(folder, "web.sock");
  const arbiter = new Arbiter(settings(["localhost:0", `unix:${web}`]), pino({ enabled: false }));
  const started = arbiter.start();
  arbiter.stop(true);
  await started;
  expect(await arbiter.ended).toEqual({ code: 0 });
  expect(existsSync(web)).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});

test("a start that fails leaves nothing behind", async () => {
  const missing = join(folder, "missing", "web.sock");
  const web = join(folder, "web.sock");
  const arbiter = new Arbiter(settings([`unix:${web}`, `unix:${missing}`]), pino({ enabled: false }));
  await expect(arbiter.start()).rejects.toThrow(`Cannot listen on unix:${missing}`);
  expect(readdirSync(folder)).toEqual([]);
});
