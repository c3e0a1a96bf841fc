import { symlinkSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { folderWith } from "./folder.ts";

const FILE = "tsunicorn.config.mjs";

describe("a flag wins over the environment, that over the file, that over the default", () => {
  const file = { [FILE]: `export default { app: "file.ts", workers: 2, bind: "127.0.0.1:2" }` };
  const env = { TSUNICORN_APP: "env.ts", TSUNICORN_WORKERS: "3", TSUNICORN_BIND: "127.0.0.1:3,:33" };
  const argv = ["--workers", "4", "flag.ts", "-b", "127.0.0.1:4", "--bind=:44"];

  test.each([
    {
      given: "all",
      argv,
      env,
      from: ["argument", "flag"],
      app: "flag.ts",
      workers: 4,
      bind: ["127.0.0.1:4", ":44"],
    },
    {
      given: "no flags",
      argv: [],
      env,
      from: ["environment", "environment"],
      app: "env.ts",
      workers: 3,
      bind: ["127.0.0.1:3", ":33"],
    },
    {
      given: "the file only",
      argv: [],
      env: {},
      from: ["file", "file"],
      app: "file.ts",
      workers: 2,
      bind: ["127.0.0.1:2"],
    },
  ])("given $given", async ({ argv, env, from, app, workers, bind }) => {
    const folder = folderWith(file);
    const { settings, sources } = await loadConfig(argv, env, folder);
    expect([sources.app.kind, sources.workers.kind]).toEqual(from);
    expect(settings).toMatchObject({ app: path.join(folder, app), workers, bind });
    expect(settings.backlog).toBe(2048);
    expect(sources.backlog.kind).toBe("default");
  });

  test("given nothing but the app", async () => {
    const folder = folderWith({});
    const loaded = await loadConfig(["main.ts"], {}, folder);
    expect(loaded).toEqual({
      settings: {
        app: path.join(folder, "main.ts"),
        config: undefined,
        chdir: folder,
        name: "main",
        bind: ["127.0.0.1:8000"],
        workers: 1,
        umask: undefined,
        inspect: undefined,
        backlog: 2048,
        timeout: 30,
        gracefulTimeout: 30,
        maxRequests: 0,
        maxRequestsJitter: 0,
        keepalive: 5,
        headersTimeout: 10,
        requestTimeout: 300,
        stallTimeout: 60,
        maxHeaderSize: 8190,
        allowedHosts: [],
        dirtyApps: [],
        dirtyWorkers: 0,
        dirtyOwnWorkers: false,
        dirtyActions: [],
        dirtyInspect: undefined,
        dirtyTimeout: 300,
        dirtyGracefulTimeout: 30,
        dirtyInitTimeout: 300,
        dirtyQueueSize: 1024,
        dirtyQueueTimeout: 30,
        dirtyAbortGrace: 2,
        dirtyMaxRequests: 0,
        dirtyMaxRequestsJitter: 0,
        streamGrace: 30,
        migrationLimit: 3,
        resources: {},
        dirtyBind: undefined,
        pidfile: undefined,
        python: "python3",
        controlSocket: undefined,
        reload: false,
        logLevel: "info",
        logFormat: "auto",
        logFile: undefined,
        accessLog: false,
      },
      configFile: undefined,
      hooks: [],
      sources: expect.objectContaining({ app: { kind: "argument", where: "" } }),
      argv: ["main.ts"],
      env: {},
      cwd: folder,
    });
  });
});

describe("a source names the place", () => {
  test("of each value", async () => {
    const folder = folderWith({ [FILE]: "export default { backlog: 7 }" });
    const { sources } = await loadConfig(
      ["-w2", "main.ts", "--no-access-log"],
      { TSUNICORN_NAME: "x" },
      folder,
    );
    expect(sources.workers).toEqual({ kind: "flag", where: "-w" });
    expect(sources.accessLog).toEqual({ kind: "flag", where: "--no-access-log" });
    expect(sources.name).toEqual({ kind: "environment", where: "TSUNICORN_NAME" });
    expect(sources.backlog).toEqual({ kind: "file", where: path.join(folder, FILE) });
  });
});

test("with dirty apps there is one dirty worker by default", async () => {
  const argv = ["main.ts", "--dirty-app", "./a.ts:A", "--dirty-app", "b:B:2"];
  const { settings } = await loadConfig(argv, {}, folderWith({}));
  expect(settings.dirtyApps).toEqual(["./a.ts:A", "b:B:2"]);
  expect(settings.dirtyWorkers).toBe(1);
});

test("a short requestTimeout shortens the default of headersTimeout", async () => {
  const { settings } = await loadConfig(["main.ts", "--request-timeout", "2.5"], {}, folderWith({}));
  expect(settings.headersTimeout).toBe(2.5);
});

test("the last of repeated flags counts", async () => {
  const { settings } = await loadConfig(["main.ts", "-w", "2", "--workers=3"], {}, folderWith({}));
  expect(settings.workers).toBe(3);
});

test("an empty environment variable counts as not set", async () => {
  const { settings } = await loadConfig(["main.ts"], { TSUNICORN_WORKERS: "" }, folderWith({}));
  expect(settings.workers).toBe(1);
});

test.each([
  ["true", true],
  ["1", true],
  ["TRUE", true],
  ["false", false],
  ["0", false],
])("TSUNICORN_ACCESS_LOG=%s is %s", async (text, accessLog) => {
  const { settings } = await loadConfig(["main.ts"], { TSUNICORN_ACCESS_LOG: text }, folderWith({}));
  expect(settings.accessLog).toBe(accessLog);
});

test("the settings can be loaded again from what was kept", async () => {
  const folder = folderWith({ [FILE]: "export default { backlog: 7 }" });
  const first = await loadConfig(["main.ts"], { TSUNICORN_WORKERS: "3" }, folder);
  expect(await loadConfig(first.argv, first.env, first.cwd)).toEqual(first);
});

describe("paths", () => {
  const config = `export default { app: "main.ts", bind: "unix:app.sock", dirtyBind: "unix:dirty.sock" }`;

  test("begin in the config file's folder", async () => {
    const cwd = folderWith({ [`deploy/${FILE}`]: config });
    const { settings, configFile } = await loadConfig(["-c", `deploy/${FILE}`], {}, cwd);
    const chdir = path.join(cwd, "deploy");
    expect(configFile).toBe(path.join(chdir, FILE));
    expect(settings).toMatchObject({
      chdir,
      config: configFile,
      app: path.join(chdir, "main.ts"),
      bind: [`unix:${chdir}/app.sock`],
      dirtyBind: `${chdir}/dirty.sock`,
    });
  });

  test("begin in chdir where it is given, which a flag takes from where the command is started", async () => {
    const cwd = folderWith({ [`deploy/${FILE}`]: config, "apps/x": "" });
    const { settings } = await loadConfig(["-c", `deploy/${FILE}`, "--chdir", "apps"], {}, cwd);
    expect(settings.chdir).toBe(path.join(cwd, "apps"));
    expect(settings.app).toBe(path.join(cwd, "apps", "main.ts"));
  });

  test("begin in chdir, which a config file takes from its own folder", async () => {
    const cwd = folderWith({ [`deploy/${FILE}`]: `export default { app: "main.ts", chdir: ".." }` });
    const { settings } = await loadConfig(["-c", `deploy/${FILE}`], {}, cwd);
    expect(settings.chdir).toBe(cwd);
  });

  test("name a linked folder as its processes will see it", async () => {
    const cwd = folderWith({ "real/x": "" });
    symlinkSync("real", path.join(cwd, "link"));
    const { settings } = await loadConfig(["main.ts", "--chdir", "link"], {}, cwd);
    expect(settings.chdir).toBe(path.join(cwd, "real"));
  });
});
