/** The hooks of a config file: when they run, in which process, and what their failures do. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { HOOK_NAMES } from "../../src/config/hooks.ts";
import { codeSpans, tableRows } from "../docs/markdown.ts";
import { read } from "../docs/pages.ts";
import { install } from "../install.ts";
import { call, ECHO_FILES, type EchoServer, echoServers, WITH_DIRTY } from "./echo-app.ts";
import { eventually, isAlive } from "./harness.ts";
import { ask } from "./http-tools.ts";
import { whyItCannotStart } from "./lone-worker.ts";

const start = echoServers();

/** A config file whose hooks say in hooks.log that they ran, where and with what. */
const TELLING = `
import { appendFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { defineConfig } from 'tsunicorn';
import type { ExitedWorker, HookServer, HookWorker } from 'tsunicorn';
import { version } from "./version.ts";

const Where = { Main: "process", Thread: "thread" };

function note(hook: string, more: object): void {
  const line = { hook, pid: process.pid, where: isMainThread ? Where.Main : Where.Thread, version, ...more };
  appendFileSync("hooks.log", JSON.stringify(line) + "\\n");
}
const server = (hook: string) => (state: HookServer, worker?: ExitedWorker): void => {
  const { kind, pid, reason } = worker ?? {};
  note(hook, { name: state.name, server: state.pid, workers: state.workers.length, kind, worker: pid, reason });
  if (hook === "onStarting") process.env["GREETING"] = "hello";
};
const worker = (hook: string) => async ({ kind, pid, apps, settings, log }: HookWorker): Promise<void> => {
  await Promise.resolve();
  log.info(hook + " was here");
  note(hook, { kind, worker: pid, apps, name: settings.name, greeting: process.env["GREETING"] });
};
export default defineConfig({
  name: "shop",
  onStarting: server("onStarting"), whenReady: server("whenReady"), onReload: server("onReload"),
  onExit: server("onExit"), onDirtyStarting: server("onDirtyStarting"), workerExit: server("workerExit"),
  postFork: worker("postFork"), dirtyPostFork: worker("dirtyPostFork"),
  dirtyWorkerInit: worker("dirtyWorkerInit"), dirtyWorkerExit: worker("dirtyWorkerExit"),
});
`;
const VERSION = (version: number): string => `export const version: number = ${version};\n`;
/** The same in JavaScript. */
const TELLING_JS = ts
  .transpile(TELLING, { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext })
  .replace("./version.ts", "./version.mjs");
// Which Node cannot run, though it runs TypeScript.
const ENUM = 'enum Where { Main = "process", Thread = "thread" }';

/** What a hook told. */
interface Told {
  readonly hook: string;
  /** The process that it ran in. */
  readonly pid: number;
  readonly where: "process" | "thread";
  readonly version: number;
  readonly name: string;
  /** Of a hook about a worker: which one. */
  readonly kind?: string;
  readonly worker?: number;
  readonly reason?: string;
  readonly apps?: string[];
  readonly greeting?: string;
  readonly workers?: number;
}

function told(folder: string): Told[] {
  const lines = readFileSync(join(folder, "hooks.log"), "utf8").trimEnd().split("\n");
  return lines.map((line): Told => JSON.parse(line));
}

/** The hooks that ran in a process. */
function hooksIn(pid: number | undefined, all: readonly Told[]): string[] {
  return all.filter((one) => one.pid === pid).map(({ hook }) => hook);
}

describe("in a server that is started, reloaded and stopped, every hook runs in its order and its process", () => {
  test.each([
    ["TypeScript, with an enum", "ts"],
    ["JavaScript", "mjs"],
  ])("where the config file is %s", async (_what, extension) => {
    const files: Record<string, string> =
      extension === "ts"
        ? { "tsunicorn.config.ts": TELLING.replace(/const Where.*/, ENUM), "version.ts": VERSION(1) }
        : { "tsunicorn.config.mjs": TELLING_JS, "version.mjs": VERSION(1).replace(": number", "") };
    const server = await start([], {
      args: WITH_DIRTY,
      files: { ...ECHO_FILES, ...files },
      prepare: (folder) => install(folder, "tsunicorn", "tsx"),
    });
    const pids = (kind: string): number | undefined => server.pids(kind)[0];
    const [http, dirty] = [pids("http worker"), pids("dirty worker")];
    const version = extension === "ts" ? VERSION(2) : VERSION(2).replace(": number", "");
    writeFileSync(join(server.folder, `version.${extension}`), version);
    server.signal("SIGHUP");
    await server.logged("reloaded in ");
    // Not that they are gone: the arbiter hears of it later.
    await eventually(
      "the arbiter knows that the old workers have gone",
      () => told(server.folder).filter(({ hook }) => hook === "workerExit").length === 2,
    );
    expect([http, dirty].some((pid) => isAlive(pid ?? 0))).toBe(false);
    const [http2, dirty2] = [pids("http worker"), pids("dirty worker")];
    server.signal("SIGTERM");
    expect(await server.exited()).toEqual({ code: 0, signal: null });

    const all = told(server.folder);
    const arbiter = all.filter(({ where }) => where === "thread");
    expect(arbiter.every(({ pid }) => pid === server.pid)).toBe(true);
    expect(arbiter.map(({ hook, worker, version }) => [hook, worker, version])).toEqual([
      ["onStarting", undefined, 1],
      ["onDirtyStarting", undefined, 1],
      ["whenReady", undefined, 1],
      ["onReload", undefined, 2],
      // Those of a reload drain at the same time.
      ...arbiter.slice(4, 6).map(({ worker }) => ["workerExit", worker, 2]),
      ["workerExit", http2, 2],
      ["workerExit", dirty2, 2],
      ["onExit", undefined, 2],
    ]);
    const drained = arbiter.slice(4, 6).map(({ worker }) => worker);
    expect(new Set(drained)).toEqual(new Set([http, dirty]));
    for (const pid of [http, http2]) expect(hooksIn(pid, all)).toEqual(["postFork"]);
    for (const pid of [dirty, dirty2])
      expect(hooksIn(pid, all)).toEqual(["dirtyPostFork", "dirtyWorkerInit", "dirtyWorkerExit"]);

    const at = (hook: string, pid?: number): number =>
      all.findIndex((one) => one.hook === hook && (pid === undefined || pid === one.pid));
    expect(at("onStarting")).toBe(0);
    expect(at("postFork", http)).toBeLessThan(at("whenReady"));
    expect(at("dirtyWorkerInit", dirty)).toBeLessThan(at("whenReady"));
    expect(at("dirtyWorkerExit", dirty)).toBeLessThan(
      all.findIndex((one) => one.worker === dirty && one.reason),
    );
    expect(at("onExit")).toBe(all.length - 1);

    expect(new Set(all.map(({ name }) => name))).toEqual(new Set(["shop"]));
    expect(all.find(({ hook }) => hook === "whenReady")?.workers).toBe(2);
    const inDirty = all.filter(({ pid }) => pid === dirty2);
    expect(inDirty.map(({ apps, version, kind }) => ({ apps, version, kind }))).toEqual([
      { apps: [], version: 2, kind: "dirty-worker" },
      { apps: ["app:Echo", "app:Single"], version: 2, kind: "dirty-worker" },
      { apps: ["app:Echo", "app:Single"], version: 2, kind: "dirty-worker" },
    ]);
    expect(inDirty[0]?.greeting).toBe("hello");
    expect(server.log()).toContain("dirtyWorkerInit was here");
  });
});

/** Starts the echo server with these hooks in its config file. */
async function withHooks(body: string, more: { until?: string; args?: string[] } = {}): Promise<EchoServer> {
  const config = `
    import { appendFileSync } from "node:fs";
    const note = (what) => appendFileSync("hooks.log", JSON.stringify({ hook: what, pid: process.pid }) + "\\n");
    export default { ${body} };`;
  return start([], { args: WITH_DIRTY, files: { ...ECHO_FILES, "tsunicorn.config.mjs": config }, ...more });
}

describe("onStarting", () => {
  test("that throws stops the start with its reason, before anything is bound or started", async () => {
    const server = await withHooks(
      "onStarting() { throw new Error('no licence'); }, onExit() { note('onExit'); }",
      {
        until: "",
      },
    );
    expect(await server.exited()).toEqual({ code: 1, signal: null });
    await eventually("it says why", () => server.errors() !== "");
    expect(server.errors()).toBe("tsunicorn: The hook onStarting failed: no licence\n");
    expect(server.log()).not.toContain("ready");
    expect(existsSync(join(server.folder, "hooks.log"))).toBe(false);
  });

  test("is waited for, and a server that waits for it can be stopped", async () => {
    const server = await withHooks("onStarting() { note('begins'); return new Promise(() => {}); }", {
      until: "",
    });
    await eventually("the hook runs", () => existsSync(join(server.folder, "hooks.log")));
    expect(server.pids("http worker")).toEqual([]);
    server.signal("SIGTERM");
    expect(await server.exited()).toEqual({ code: 0, signal: null });
  });
});

describe("a hook of the server that goes wrong leaves the server as it is", () => {
  test("one that ends the process", async () => {
    const server = await withHooks("whenReady() { process.exit(7); }, onExit() { note('onExit'); }");
    await server.logged("The hook whenReady failed: it exited");
    expect(await call(server.target, "Echo.pid")).toEqual(server.pids("dirty worker")[0]);
    server.signal("SIGTERM");
    expect(await server.exited()).toEqual({ code: 0, signal: null });
    expect(told(server.folder).map(({ hook }) => hook)).toEqual(["onExit"]);
  });

  test("one that throws; workerExit then tells how a worker ended, also of one that was killed or failed to start, and dirtyWorkerExit that throws is a line in the log", async () => {
    const server = await withHooks(
      `whenReady() { throw new Error("cannot"); },
      workerExit(server, { kind, pid, reason }) { appendFileSync("hooks.log", JSON.stringify({ kind, worker: pid, reason }) + "\\n"); },
      dirtyWorkerExit() { throw new Error("no farewell"); },
      onExit() { note("onExit"); }`,
    );
    await server.logged("The hook whenReady failed: cannot");
    const [killed] = server.pids("dirty worker");
    expect(await call(server.target, "Echo.pid")).toEqual(killed);
    writeFileSync(join(server.folder, "broken"), "");
    process.kill(killed ?? 0, "SIGKILL");
    const both = await eventually("two workers have ended", () => {
      const all = existsSync(join(server.folder, "hooks.log")) ? told(server.folder) : [];
      return all.length >= 2 ? all : undefined;
    });
    expect(both[0]).toEqual({ kind: "dirty-worker", worker: killed, reason: "signal SIGKILL" });
    expect(both[1]?.reason).toContain("the model is broken");
    rmSync(join(server.folder, "broken"));
    await eventually("a worker serves again", () => call(server.target, "Echo.pid").catch(() => undefined));
    server.signal("SIGTERM");
    expect(await server.exited()).toEqual({ code: 0, signal: null });
    expect(server.log()).toContain("the hook dirtyWorkerExit failed");
    expect(server.log()).toContain("no farewell");
    expect(told(server.folder).at(-1)?.hook).toBe("onExit");
  });

  test("one that never ends", async () => {
    const server = await withHooks("whenReady() { note('begins'); for (;;); }");
    await eventually("the hook runs", () => existsSync(join(server.folder, "hooks.log")));
    const [worker] = server.pids("http worker");
    process.kill(worker ?? 0, "SIGKILL");
    await eventually("another worker serves", async () => {
      const answer = await ask(server.target, "/pid").catch(() => undefined);
      return answer !== undefined && answer.body !== String(worker);
    });
    server.signal("SIGTERM");
    expect(await server.exited()).toEqual({ code: 0, signal: null });
  });
});

describe("a hook of a worker that throws ends its start with the reason", () => {
  const config = (hook: string): string =>
    `export default { ${hook}() { throw new Error("no tracing", { cause: new Error("no port") }); } };`;

  test.each([
    ["postFork", "http-worker"],
    ["dirtyPostFork", "dirty-worker"],
  ] as const)("%s", async (hook, kind) => {
    const files = { ...ECHO_FILES, "tsunicorn.config.mjs": config(hook) };
    const reason = await whyItCannotStart({ kind, files, args: WITH_DIRTY });
    expect(reason).toBe(`The hook ${hook} failed: no tracing: no port`);
  });

  test("dirtyWorkerInit, and with it the server's", async () => {
    const server = await start([], {
      args: WITH_DIRTY,
      files: { ...ECHO_FILES, "tsunicorn.config.mjs": config("dirtyWorkerInit") },
      until: "",
    });
    expect((await server.exited()).code).toBe(3);
    await eventually("it says why", () => server.errors() !== "");
    expect(server.errors()).toBe(
      "tsunicorn: The dirty worker cannot start: The hook dirtyWorkerInit failed: no tracing: no port\n",
    );
  });
});

test("a config file without hooks of the server costs the arbiter no thread", async () => {
  const threads = (server: EchoServer): number =>
    Number(/^Threads:\s+(\d+)$/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]);
  const [none, ofWorkers, ofServer] = [
    await withHooks("workers: 1", { args: ["main.mjs"] }),
    await withHooks("postFork() {}, dirtyWorkerInit() {}", { args: ["main.mjs"] }),
    await withHooks("onExit() {}", { args: ["main.mjs"] }),
  ];
  expect(threads(ofWorkers)).toBe(threads(none));
  expect(threads(ofServer)).toBeGreaterThan(threads(none));
});

describe("docs/hooks.md", () => {
  const page = read("docs/hooks.md");

  test("lists every hook", () => {
    const rows = tableRows(page, "hook", "when", "where it runs", "what it gets", "when it fails");
    expect(rows.flatMap(([cell = ""]) => codeSpans(cell))).toEqual(HOOK_NAMES);
  });

  test("has an example that runs", async () => {
    const example = /^```ts\n(.*?)^```$/ms.exec(page)?.[1] ?? "";
    const server = await start([], {
      args: WITH_DIRTY,
      files: { ...ECHO_FILES, "tsunicorn.config.ts": example.replace('"tsunicorn"', "'tsunicorn'") },
      prepare: (folder) => install(folder, "tsunicorn", "tsx"),
    });
    await server.logged("registered");
    process.kill(server.pids("http worker")[0] ?? 0, "SIGKILL");
    await server.logged(/http-worker \d+ ended: signal SIGKILL/);
    server.signal("SIGTERM");
    await server.exited();
    expect(server.log()).toContain("deregistered");
    expect(server.log()).toContain("app:Echo, app:Single loaded");
  });
});
