import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Arbiter } from "../../src/arbiter/arbiter.ts";
import { HookThread } from "../../src/arbiter/hook-thread.ts";
import { loadConfig } from "../../src/config/load.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  vi.stubEnv("TMPDIR", folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

async function arbiterOn(bind: string[]): Promise<Arbiter> {
  const binds = bind.flatMap((address) => ["--bind", address]);
  const { settings } = await loadConfig(["main.js", "--chdir", folder, ...binds], {}, folder);
  const log = pino({ enabled: false });
  const hooks = new HookThread(undefined, [], log);
  return new Arbiter({ settings, log, hooks, reread: async () => settings });
}

test("a stop that comes while the sockets are being bound leaves none of them behind", async () => {
  const web = join(folder, "web.sock");
  const arbiter = await arbiterOn(["localhost:0", `unix:${web}`]);
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
  const arbiter = await arbiterOn([`unix:${web}`, `unix:${missing}`]);
  await expect(arbiter.start()).rejects.toThrow(`Cannot listen on unix:${missing}`);
  expect(readdirSync(folder)).toEqual([]);
});
