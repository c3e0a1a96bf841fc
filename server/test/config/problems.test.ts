import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/config/errors.ts";
import { loadConfig } from "../../src/config/load.ts";
import { folderWith } from "./folder.ts";

/** Loads the settings and returns what is wrong with them. `@` stands for the folder. */
async function problemsOf(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
  files: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const folder = folderWith(files);
  try {
    await loadConfig(argv, env, folder);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.replaceAll(folder, "@"));
    throw error;
  }
  return [];
}

describe("a value that is impossible is named with its setting, the reason and where it was given", () => {
  test.each([
    ["--workers", "0", "workers: 0 is not a whole number from 1 to 1000"],
    ["--workers", "12abc", 'workers: "12abc" is not a whole number from 1 to 1000'],
    ["--workers", "1.5", "workers: 1.5 is not a whole number from 1 to 1000"],
    ["--workers", "1e2", 'workers: "1e2" is not a whole number from 1 to 1000'],
    ["--workers", "0x10", 'workers: "0x10" is not a whole number from 1 to 1000'],
    ["--workers", " 3", 'workers: " 3" is not a whole number from 1 to 1000'],
    ["--workers", "", 'workers: "" is not a whole number from 1 to 1000'],
    ["--backlog", "0", "backlog: 0 is not a whole number from 1 to 65535"],
    ["--timeout", "30s", 'timeout: "30s" is not a number of seconds from 0 to 1000000'],
    ["--timeout", "1000001", "timeout: 1000001 is not a number of seconds from 0 to 1000000"],
    ["--graceful-timeout", "x", 'gracefulTimeout: "x" is not a number of seconds from 0 to 1000000'],
    ["--keepalive", "x", 'keepalive: "x" is not a number of seconds from 0 to 1000000'],
    ["--headers-timeout", "0", "headersTimeout: 0 is not a number of seconds from 0.001 to 1000000"],
    ["--request-timeout", "0", "requestTimeout: 0 is not a number of seconds from 0.001 to 1000000"],
    ["--max-header-size", "100", "maxHeaderSize: 100 is not a whole number from 1024 to 1048576"],
    ["--dirty-workers", "1001", "dirtyWorkers: 1001 is not a whole number from 0 to 1000"],
    ["--dirty-timeout", "0", "dirtyTimeout: 0 is not a number of seconds from 0.001 to 1000000"],
    [
      "--dirty-graceful-timeout",
      "x",
      'dirtyGracefulTimeout: "x" is not a number of seconds from 0 to 1000000',
    ],
    ["--dirty-init-timeout", "0", "dirtyInitTimeout: 0 is not a number of seconds from 0.001 to 1000000"],
    ["--dirty-queue-size", "x", 'dirtyQueueSize: "x" is not a whole number from 0 to 1000000'],
    ["--dirty-queue-timeout", "0", "dirtyQueueTimeout: 0 is not a number of seconds from 0.001 to 1000000"],
    ["--dirty-abort-grace", "x", 'dirtyAbortGrace: "x" is not a number of seconds from 0 to 1000000'],
    ["--dirty-bind", "unix:", 'dirtyBind: "unix:" is not the path of a socket'],
    ["--dirty-app", "chat.ts", 'dirtyApps: "chat.ts" has no class; write PATH:Class'],
    [
      "--dirty-app",
      "python:ml/app.py:App",
      'dirtyApps: "python:ml/app.py:App" has "ml/app.py" where a Python module belongs, as in python:chat_app:App',
    ],
    ["--bind", "::1:80", 'bind: "::1:80" has an IPv6 address without brackets; write [::1]:PORT'],
    ["--name", "", 'name: "" is empty'],
    ["--name", "a\nb", 'name: "a\\nb" has control characters'],
    ["--log-level", "loud", 'logLevel: "loud" is not one of debug, info, warn, error'],
    ["--log-format", "xml", 'logFormat: "xml" is not one of auto, pretty, json'],
    ["--chdir", "nowhere", "chdir: no such folder: @/nowhere"],
  ])("%s %j", async (flag, value, message) => {
    expect(await problemsOf(["main.ts", flag, value])).toEqual([`${message} (from flag ${flag})`]);
  });

  test("in the environment", async () => {
    const env = { TSUNICORN_ACCESS_LOG: "yes", TSUNICORN_WORKERS: "many" };
    expect(await problemsOf(["main.ts"], env)).toEqual([
      'workers: "many" is not a whole number from 1 to 1000 (from environment TSUNICORN_WORKERS)',
      'accessLog: "yes" is not true or false (from environment TSUNICORN_ACCESS_LOG)',
    ]);
  });

  test("in the config file, also where a flag wins over it", async () => {
    const config = `export default { workers: "4", bind: [], dirtyApps: [7], accessLog: null, timeout() {} }`;
    expect(await problemsOf(["main.ts", "-w", "2"], {}, { "tsunicorn.config.mjs": config })).toEqual([
      "bind: [] is an empty list (from file @/tsunicorn.config.mjs)",
      'workers: "4" is not a whole number from 1 to 1000; write a number, without quotes (from file @/tsunicorn.config.mjs)',
      "timeout: a function is not a number of seconds from 0 to 1000000 (from file @/tsunicorn.config.mjs)",
      "dirtyApps: 7 is not text (from file @/tsunicorn.config.mjs)",
      "accessLog: null is not true or false (from file @/tsunicorn.config.mjs)",
    ]);
  });
});

describe("a name that does not exist is refused, with the one that was meant", () => {
  test.each([
    [["--worker", "2"], "--worker: unknown flag (did you mean --workers?)"],
    [["--wrokers=2"], "--wrokers: unknown flag (did you mean --workers?)"],
    [["--time", "2"], "--time: unknown flag (did you mean --timeout?)"],
    [["--gracefulTimeout", "2"], "--gracefulTimeout: unknown flag (did you mean --graceful-timeout?)"],
    [["--dirty-apps", "a:A"], "--dirty-apps: unknown flag (did you mean --dirty-app?)"],
    [["--quite-another-thing"], "--quite-another-thing: unknown flag"],
    [["--__proto__=1"], "--__proto__: unknown flag"],
    [["-x"], "-x: unknown flag"],
    [["--no-bind"], "--no-bind: unknown flag"],
  ])("%j", async (argv, message) => {
    const [problem] = await problemsOf(["main.ts", ...argv]);
    expect(problem).toMatch(new RegExp(`^${message.replace(/[?()]/g, "\\$&")}`));
  });

  test("in the environment", async () => {
    expect(await problemsOf(["main.ts"], { TSUNICORN_WORKRES: "2", TSUNICORNS: "2", WORKERS: "2" })).toEqual([
      "TSUNICORN_WORKRES: unknown environment variable (did you mean TSUNICORN_WORKERS?)",
    ]);
  });

  test("in the config file", async () => {
    const config = "export default { graceful_timeout: 3, onStart() {}, config: 'x', workers: undefined }";
    expect(await problemsOf(["main.ts"], {}, { "tsunicorn.config.mjs": config })).toEqual([
      "graceful_timeout: unknown setting (did you mean gracefulTimeout?) (from file @/tsunicorn.config.mjs)",
      "onStart: unknown setting (did you mean onStarting?) (from file @/tsunicorn.config.mjs)",
      "config: cannot be set in a config file (from file @/tsunicorn.config.mjs)",
    ]);
  });

  test("but not what the server itself and Kubernetes put into the environment", async () => {
    const env = {
      TSUNICORN_DIRTY_SOCKET: "/run/x",
      TSUNICORN_SERVICE_HOST: "10.0.0.1",
      TSUNICORN_SERVICE_PORT: "8000",
      TSUNICORN_SERVICE_PORT_HTTP: "8000",
      TSUNICORN_PORT: "tcp://10.0.0.1:8000",
      TSUNICORN_PORT_8000_TCP: "tcp://10.0.0.1:8000",
      TSUNICORN_CHAT_PORT_8000_TCP_ADDR: "10.0.0.1",
    };
    expect(await problemsOf(["main.ts"], env)).toEqual([]);
    expect(await problemsOf(["main.ts"], { TSUNICORN_PORT: "9000" })).toHaveLength(1);
  });
});

describe("a flag", () => {
  test.each([
    [["--bind"], "--bind: needs a value"],
    [["-w"], "-w: needs a value"],
    [
      ["--bind", "--access-log"],
      '--bind: needs a value, but "--access-log" follows; write --bind=--access-log if that is the value',
    ],
    [["-w", "-1"], '-w: needs a value, but "-1" follows; write -w-1 if that is the value'],
    [["--access-log=false"], "--access-log: takes no value; write --access-log or --no-access-log"],
    [["second.ts", "third.ts"], "one APP is served, but 3 were given: main.ts, second.ts, third.ts"],
  ])("that is not used as it should be: %j", async (argv, message) => {
    expect(await problemsOf(["main.ts", ...argv])).toEqual([message]);
  });

  test("is not a flag after --", async () => {
    expect(await problemsOf(["--", "--main.ts"])).toEqual([]);
  });
});

describe("settings that do not fit together", () => {
  test.each([
    [
      ["--dirty-workers", "2"],
      "dirtyWorkers: 2 would have nothing to run, since dirtyApps has no app (from flag --dirty-workers)",
    ],
    [
      ["--dirty-app", "a:A", "--dirty-workers", "0"],
      "dirtyWorkers: 0 leaves no worker to run the dirty apps (from flag --dirty-workers)",
    ],
    [
      ["--dirty-app", "./a.ts:A", "--dirty-app", "a.js:A:2"],
      'dirtyApps: "a:A" is given more than once (from flag --dirty-app)',
    ],
    [
      ["--headers-timeout", "20", "--request-timeout", "10"],
      "headersTimeout: 20 is longer than requestTimeout, 10, of which it is a part (from flag --headers-timeout)",
    ],
    [
      ["--dirty-socket", "unix:/run/g.sock", "--dirty-app", "./app.ts:App", "--dirty-app", "python:a:App"],
      'dirtyApps: "./app.ts:App" is not an app of a Gunicorn, as module:Class, and with dirtySocket this server runs none itself (from flag --dirty-app)',
      'dirtyApps: "python:a:App" is not an app of a Gunicorn, as module:Class, and with dirtySocket this server runs none itself (from flag --dirty-app)',
    ],
    [
      ["--dirty-socket", "/run/g.sock", "--dirty-app", "a.b:App:2"],
      'dirtyApps: "a.b:App:2" is not an app of a Gunicorn, as module:Class, and with dirtySocket this server runs none itself (from flag --dirty-app)',
    ],
    [
      ["--dirty-socket", "/run/g.sock", "--dirty-app", "a.b:App", "--dirty-workers", "2"],
      "dirtyWorkers: 2 would have nothing to run, since with dirtySocket the dirty apps are in Gunicorn (from flag --dirty-workers)",
    ],
    [
      ["--dirty-socket", "/run/g.sock", "--dirty-bind", "/run/ours.sock"],
      "dirtyBind: there is nothing to bind: with dirtySocket the dirty arbiter is Gunicorn's (from flag --dirty-bind)",
    ],
    [["-b", ":80", "-b", ":80"], 'bind: ":80" is given more than once (from flag -b)'],
    [["-b", "9000", "-b", "127.0.0.1:9000"], 'bind: "127.0.0.1:9000" is given more than once (from flag -b)'],
  ])("%j", async (argv, ...messages) => {
    expect(await problemsOf(["main.ts", ...argv])).toEqual(messages);
  });

  test("are not looked for where one of them is refused already", async () => {
    expect(await problemsOf(["main.ts", "--dirty-app", "a", "--dirty-workers", "2"])).toHaveLength(1);
  });

  test("but several addresses with port 0 do", async () => {
    expect(await problemsOf(["main.ts", "-b", "127.0.0.1:0", "-b", "127.0.0.1:0"])).toEqual([]);
  });
});

test("the apps of a Gunicorn are found by its socket, which has a variable of its own", async () => {
  const argv = ["main.ts", "--dirty-app", "streaming_chat.chat_app:ChatApp"];
  const { settings } = await loadConfig(argv, { TSUNICORN_GUNICORN_SOCKET: "unix:g.sock" }, folderWith({}));
  expect(settings).toMatchObject({
    dirtySocket: `${settings.chdir}/g.sock`,
    dirtyApps: ["streaming_chat.chat_app:ChatApp"],
    dirtyWorkers: 0,
  });
});

test("a socket's path that the kernel would cut is refused, counted in bytes", async () => {
  const path107 = `/${"x".repeat(104)}é`;
  expect(await problemsOf(["main.ts", "-b", `unix:${path107}`, "--dirty-bind", path107])).toEqual([]);
  const path108 = `${path107}x`;
  expect(await problemsOf(["main.ts", "-b", `unix:${path108}`, "--dirty-bind", path108])).toEqual([
    `bind: ${path108} has 108 bytes, but a socket's path may have 107 at most (from flag -b)`,
    `dirtyBind: ${path108} has 108 bytes, but a socket's path may have 107 at most (from flag --dirty-bind)`,
  ]);
  expect(await problemsOf(["main.ts", "--dirty-socket", path107])).toEqual([]);
  expect(await problemsOf(["main.ts", "--dirty-socket", path108])).toEqual([
    `dirtySocket: ${path108} has 108 bytes, but a socket's path may have 107 at most (from flag --dirty-socket)`,
  ]);
});

test("without an app there is nothing to serve", async () => {
  expect(await problemsOf([])).toEqual([
    "app: none was given; name its main module (tsunicorn [options] APP), or set app in the config file",
  ]);
});

test("every problem is reported at once", async () => {
  const loading = loadConfig(["--nope", "-w", "0"], { TSUNICORN_X: "1" }, folderWith({}));
  await expect(loading).rejects.toThrow(
    [
      "4 problems in the configuration:",
      "  - --nope: unknown flag",
      "  - TSUNICORN_X: unknown environment variable",
      "  - workers: 0 is not a whole number from 1 to 1000 (from flag -w)",
      "  - app: none was given; name its main module",
    ].join("\n"),
  );
});
