/** The thread of the hooks as it was built: a thread cannot be started from its sources. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ServerState } from "../../src/arbiter/hook-messages.ts";
import type * as hookThread from "../../src/arbiter/hook-thread.ts";
import type { HookName } from "../../src/config/hooks.ts";
import { resolveSettings } from "../../src/config/resolve.ts";
import { folderWith } from "../config/folder.ts";
import { eventually } from "../integration/harness.ts";

const BUILT = new URL("../../dist/arbiter/hook-thread.js", import.meta.url).href;
const { HookThread }: typeof hookThread = await import(BUILT);

const { settings } = resolveSettings([], { cwd: "/", configFile: undefined });
const SERVER: ServerState = { pid: 1, name: "shop", settings, workers: [] };
const WORKER = { kind: "http-worker", id: 7, pid: 8, apps: [], reason: "signal SIGKILL" } as const;

/** A thread for a config file with these hooks. The file can say what happened with `said`. */
function hooksOf(body: string, names: readonly HookName[]) {
  const folder = folderWith({ "c.mjs": configOf(body) });
  const file = path.join(folder, "c.mjs");
  const lines: { level: number; msg: string }[] = [];
  const log = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) });
  const hooks = new HookThread(file, names, log);
  onTestFinished(() => hooks.close());
  return {
    hooks,
    /** What hooks and the arbiter logged. */
    logged: () => lines.map(({ msg }) => msg),
    errors: () => lines.filter(({ level }) => level >= 50).map(({ msg }) => msg),
    rewrite: (text: string) => writeFileSync(file, configOf(text)),
    file,
  };
}

function configOf(body: string): string {
  return `let count = 0; export default { ${body} };`;
}

describe("a hook", () => {
  test("gets the server, and the worker that it is about, and logs where the server does", async () => {
    const { hooks, logged } = hooksOf(
      "workerExit(server, worker) { server.log.info([server.name, server.settings.workers, worker.reason].join()); }",
      ["workerExit"],
    );
    await hooks.run("workerExit", SERVER, WORKER);
    expect(logged()).toEqual(["shop,1,signal SIGKILL"]);
  });

  test("runs in one thread with the others, one after the other, in the order of the calls", async () => {
    const { hooks, logged } = hooksOf(
      `async whenReady({ log }) {
        log.info("begins " + count++);
        await new Promise((resolve) => setTimeout(resolve, 50));
        log.info("ends");
      },
      onReload({ log }) { log.info("reloads " + count++); }`,
      ["whenReady", "onReload"],
    );
    hooks.call("whenReady", SERVER);
    hooks.call("whenReady", SERVER);
    await hooks.run("onReload", SERVER);
    expect(logged()).toEqual(["begins 0", "ends", "begins 1", "ends", "reloads 2"]);
  });

  test("that is not defined costs nothing and does nothing", async () => {
    const { hooks, logged } = hooksOf("postFork() {}", ["postFork"]);
    await hooks.run("onStarting", SERVER);
    await hooks.exit(SERVER);
    expect(logged()).toEqual([]);
  });
});

describe("what a hook does wrong is a line in the log, and the next hook runs", () => {
  test.each([
    ["throws", "throw new Error('no disk', { cause: new Error('it is full') });", "no disk: it is full"],
    ["rejects", "return Promise.reject(new Error('no disk'));", "no disk"],
    ["ends the process", "process.exit(0);", "it exited, which ended its thread"],
    [
      "eats the memory",
      "const all = []; for (;;) all.push(new Array(10_000).fill(count + Math.random()));",
      "Worker terminated due to reaching memory limit: JS heap out of memory",
    ],
  ])("one that %s", { timeout: 20_000 }, async (_what, body, reason) => {
    const { hooks, errors, logged } = hooksOf(
      `whenReady() { ${body} }, onReload({ log }) { log.info("fine"); }`,
      ["whenReady", "onReload"],
    );
    hooks.call("whenReady", SERVER);
    await hooks.run("onReload", SERVER);
    expect(errors()).toEqual([`The hook whenReady failed: ${reason}`]);
    expect(logged()).toContain("fine");
  });

  test("one that leaves a rejection or an exception behind", async () => {
    const { hooks, errors } = hooksOf(
      `whenReady() { Promise.reject(new Error("left")); },
      onReload() { setTimeout(() => { throw new Error("thrown late"); }, 10); }`,
      ["whenReady", "onReload"],
    );
    await hooks.run("whenReady", SERVER);
    await hooks.run("onReload", SERVER);
    const ended = "the thread of the hooks has ended: thrown late";
    await eventually("its end is logged", () => errors().includes(ended));
    expect(errors()).toEqual(["a hook left a promise behind that was rejected", ended]);
    await hooks.run("whenReady", SERVER);
  });

  test("a config file that cannot be run any more", async () => {
    const { hooks, rewrite, file } = hooksOf("onStarting() { process.exit(); }", ["onStarting"]);
    await expect(hooks.run("onStarting", SERVER)).rejects.toThrow("it exited");
    rewrite("onStarting() {}, ...(() => { throw new Error('broken') })()");
    await expect(hooks.run("onStarting", SERVER)).rejects.toThrow(
      `The hook onStarting failed: ${file}: cannot be loaded: broken (line 1)`,
    );
    rewrite("");
    await expect(hooks.run("onStarting", SERVER)).rejects.toThrow("does not define it any more");
  });

  test("more calls than may wait", async () => {
    const { hooks, errors } = hooksOf("workerExit() { for (;;); }", ["workerExit"]);
    for (let count = 0; count < 300; count++) hooks.call("workerExit", SERVER, WORKER);
    await eventually("the rest is refused", () => errors().length === 300 - 257);
    expect(new Set(errors())).toEqual(new Set(["The hook workerExit failed: too many hooks are waiting"]));
  });
});

test("after a reload the hooks of the new file run, and calls that wait still get the old ones", async () => {
  const version = (name: string): string =>
    `async whenReady({ log }) { await new Promise((resolve) => setTimeout(resolve, 200)); log.info("${name}"); }`;
  const { hooks, logged, rewrite, file } = hooksOf(version("old"), ["whenReady"]);
  hooks.call("whenReady", SERVER);
  hooks.call("whenReady", SERVER);
  await eventually("the first one runs", () => logged().length === 1);
  rewrite(version("new"));
  hooks.replace(file, ["whenReady"]);
  await hooks.run("whenReady", SERVER);
  await eventually("the old ones are done", () => logged().length === 3);
  expect(logged().sort()).toEqual(["new", "old", "old"]);
  hooks.replace(file, []);
  await hooks.run("whenReady", SERVER);
  expect(logged()).toHaveLength(3);
});

describe("onExit", () => {
  test("runs after those that wait", async () => {
    const { hooks, logged } = hooksOf(
      `workerExit({ log }) { log.info("worker"); }, onExit({ log }) { log.info("exit"); }`,
      ["workerExit", "onExit"],
    );
    hooks.call("workerExit", SERVER, WORKER);
    hooks.call("workerExit", SERVER, WORKER);
    await hooks.exit(SERVER);
    expect(logged()).toEqual(["worker", "worker", "exit"]);
  });

  test("has its time also when another hook hangs, and is given up when that is over", async () => {
    const { hooks, logged, errors } = hooksOf(
      `workerExit() { for (;;); },
      onExit({ log }) { log.info("exit"); return new Promise(() => {}); }`,
      ["workerExit", "onExit"],
    );
    for (let count = 0; count < 3; count++) hooks.call("workerExit", SERVER, WORKER);
    await hooks.exit(SERVER, 4000);
    expect(logged()).toContain("exit");
    expect(errors()).toEqual([
      ...Array(3).fill("The hook workerExit failed: the server is ending"),
      "The hook onExit failed: it took longer than 4 s",
    ]);
  });
});
