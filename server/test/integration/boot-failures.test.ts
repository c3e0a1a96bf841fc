/** What cannot start: at the start it ends with a reason, in a running server it is tried again. */
import { once } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DirtyStatus } from "../../src/dirty/dirty-host.ts";
import { NO_PYTHON, PYTHON } from "../python/python.ts";
import { call, ECHO_FILES, type EchoServer, echoServers, events, failureIn } from "./echo-app.ts";
import { freePort } from "./free-port.ts";
import { eventually, removeFolder, temporaryFolder } from "./harness.ts";
import { ask } from "./http-tools.ts";
import { whyItCannotStart } from "./lone-worker.ts";

const start = echoServers();

/** Starts a server that cannot start, and waits for its end. */
async function failToStart(files: Record<string, string>, args: string[], env: NodeJS.ProcessEnv = {}) {
  const server = await start([], { args, files, env, until: "" });
  const { code } = await server.exited();
  await eventually("it says why", () => server.errors() !== "");
  return { server, code, reason: server.errors() };
}

const GOOD_MAIN = "export default (request, response) => response.end('fine');";

describe("a web app that cannot be loaded ends the start with the reason and exit code 3", () => {
  test.each([
    [
      "throws",
      "throw new Error('no database at pg://me:hush@db');",
      /The app .*main\.mjs cannot be loaded: no database at pg:\/\/\(hidden\)@db/,
    ],
    ["ends the process", "process.exit(0);", /it ended with exit code 0 before it was ready/],
  ])("one that %s", async (_what, main, expected) => {
    const { code, reason } = await failToStart({ "main.mjs": main }, ["main.mjs"]);
    expect(code).toBe(3);
    expect(reason).toMatch(/^tsunicorn: The http worker cannot start: [^\n]+\n$/);
    expect(reason).toMatch(expected);
  });
});

test.each([
  [
    "listens itself",
    "import { createServer } from 'node:http'; export default createServer(() => {}).listen(0);",
    /The app .*main\.mjs calls listen\(\) itself, on port 0 \(main\.mjs:1\)\. Remove that call and export the app/,
  ],
  [
    "listens where another process does",
    `import { createServer } from 'node:net';
      const other = createServer();
      await new Promise((resolve) => other.listen(0, resolve));
      createServer().listen(other.address().port);
      export default () => {};`,
    /The app .*main\.mjs calls listen\(\) itself, which failed: listen EADDRINUSE/,
  ],
  [
    "listens and exports nothing",
    "import { createServer } from 'node:http'; createServer(() => {}).listen(0);",
    /exports nothing that can serve.* An app that calls listen\(\) itself must export what it listens with/,
  ],
])("the same is told of one that %s", async (_what, main, expected) => {
  const reason = await whyItCannotStart({
    kind: "http-worker",
    files: { "main.mjs": main },
    args: ["main.mjs"],
  });
  expect(reason).toMatch(expected);
  expect(reason).not.toContain("\n");
});

test("a web app that never finishes loading is not tried again", async () => {
  const soon =
    "const { setTimeout: later } = globalThis; globalThis.setTimeout = (run, ms, ...args) => later(run, ms === 55_000 ? 100 : ms, ...args);";
  const { server, code, reason } = await failToStart(
    {
      "main.mjs": `import { createServer } from "node:http"; createServer().listen(0); await new Promise(() => {});`,
    },
    ["main.mjs"],
    { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(soon)}` },
  );
  expect(code).toBe(3);
  expect(reason).toMatch(
    /^tsunicorn: The http worker cannot start: The app .*main\.mjs has not loaded within 55 s: .*; it listens on port 0 itself/,
  );
  expect(server.log().match(/http worker \d+ failed/g)).toHaveLength(1);
});

test("a web app that calls listen() later is told so once, and serves on where that fails", async () => {
  const main = `import { createServer } from "node:http";
    const other = createServer().listen(0, "127.0.0.1");
    export default function app(request, response) {
      const port = request.url === "/free" ? 0 : other.address().port;
      createServer(app).listen(port, "127.0.0.1").once("listening", () => console.log("listening"));
      setImmediate(() => response.end("pid " + process.pid));
    }`;
  const server = await start([], { args: ["main.mjs"], files: { "main.mjs": main } });
  const answers = [];
  for (const path of ["/free", "/taken", "/free", "/taken", "/taken"])
    answers.push((await ask(server.target, path)).body);
  expect(answers).toEqual(Array(5).fill(`pid ${server.pids("http worker")[0]}`));
  const told = () => server.log().match(/"msg":"[^"]*listen\(\) itself[^"]*"/g) ?? [];
  await eventually("the log says it all", () => told().length >= 3);
  expect(told()).toEqual([
    expect.stringMatching(/on port 0 \(main\.mjs:5\)\. Remove that call/),
    expect.stringMatching(/on port \d+ \(main\.mjs:5\)\. Remove that call/),
    expect.stringMatching(/which failed: listen EADDRINUSE.* The worker goes on without it\./),
  ]);
});

describe("a dirty app that cannot be loaded ends the start with the reason and exit code 3", () => {
  const app = (body: string) => `import { DirtyApp } from "tsunicorn"; ${body}`;
  test("one whose init() throws: it is tried three times, not hundreds of times", async () => {
    const source = app("export class Chat extends DirtyApp { init() { throw new Error('no model file'); } }");
    const { server, code, reason } = await failToStart({ "main.mjs": GOOD_MAIN, "app.mjs": source }, [
      "main.mjs",
      "--dirty-app",
      "./app.mjs:Chat",
    ]);
    expect(code).toBe(3);
    expect(reason).toMatch(/^tsunicorn: The dirty worker cannot start: [^\n]+\n$/);
    expect(reason).toMatch(/init\(\) of the dirty app app:Chat failed: no model file/);
    expect(server.log().match(/dirty worker \d+ failed/g)).toHaveLength(3);
  });

  test("one whose class is not there", async () => {
    const reason = await whyItCannotStart({
      kind: "dirty-worker",
      files: { "main.mjs": GOOD_MAIN, "app.mjs": app("export class Chad extends DirtyApp {}") },
      args: ["main.mjs", "--dirty-app", "./app.mjs:Chat"],
    });
    expect(reason).toMatch(/The module exports no Chat/);
  });

  test.for([
    ["a module", "./app.mjs:Chat", "app:Chat"],
    ["Python", "python:app:Chat", "python:app:Chat"],
  ])("one in %s that has none of dirtyActions, before its init()", async ([, spec = "", name], { skip }) => {
    if (spec.startsWith("python:") && NO_PYTHON !== undefined) skip(NO_PYTHON);
    const { server, code, reason } = await failToStart(
      {
        "main.mjs": GOOD_MAIN,
        "app.mjs": app(
          "export class Chat extends DirtyApp { complete = () => 'a field'; async *Generate() {} init() { return new Promise(() => setInterval(() => {}, 1000)); } }",
        ),
        "app.py": `import time
class Chat:
    complete = "text"
    def init(self):
        time.sleep(1000)
    def Generate(self):
        yield "hello"
`,
      },
      [
        ...["main.mjs", "--dirty-app", spec, "--python", PYTHON],
        ...["--dirty-action", "generate", "--dirty-action", "complete"],
      ],
    );
    expect({ code, reason }).toEqual({
      code: 3,
      reason: `tsunicorn: The dirty worker cannot start: The dirty app ${name} has none of the actions that it is asked for: give its class a method generate or complete. Its actions: Generate (did you mean generate?).\n`,
    });
    // The next one would have the same class.
    expect(server.log().match(/dirty worker \d+ failed/g)).toHaveLength(1);
  });

  test("one that takes longer than dirtyInitTimeout", async () => {
    const { code, reason } = await failToStart(
      {
        "main.mjs": GOOD_MAIN,
        "app.mjs": app(
          "export class Chat extends DirtyApp { init() { return new Promise(() => setInterval(() => {}, 1000)); } }",
        ),
      },
      ["main.mjs", "--dirty-app", "./app.mjs:Chat", "--dirty-init-timeout", "0.5"],
    );
    expect({ code, reason }).toEqual({
      code: 3,
      reason: "tsunicorn: The dirty worker cannot start: it was not ready after 0.5 s\n",
    });
  });
});

test("files that do not exist end the start before anything runs, with exit code 1", async () => {
  const { server, code, reason } = await failToStart({}, [
    ...["nowhere.mjs", "--dirty-app", "./neither.mjs:Chat"],
  ]);
  expect(code).toBe(1);
  expect(reason).toContain("app: no such file: ");
  expect(reason).toContain("dirtyApps: ./neither.mjs:Chat");
  expect(server.log()).toBe(reason);
});

describe("an address that cannot be bound ends the start with exit code 1 and one clear line", () => {
  test("a TCP port in use; the socket file of another address does not stay", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const { server, code, reason } = await failToStart({ "main.mjs": GOOD_MAIN }, [
      ...["main.mjs", "--bind", "unix:web.sock", "--bind", `127.0.0.1:${port}`],
    ]);
    taken.close();
    expect(code).toBe(1);
    expect(reason).toBe(
      `tsunicorn: Cannot listen on 127.0.0.1:${port}: the address is in use by another process.\n`,
    );
    expect(server.log()).toBe(reason);
    expect(existsSync(join(server.folder, "web.sock"))).toBe(false);
  });

  test("a unix socket that another program listens on", async () => {
    const folder = temporaryFolder();
    const web = join(folder, "web.sock");
    const taken = createHttpServer((_request, response) => response.end("mine")).listen(web);
    await once(taken, "listening");
    const { code, reason } = await failToStart({ "main.mjs": GOOD_MAIN }, [
      ...["main.mjs", "--bind", `unix:${web}`],
    ]);
    expect(code).toBe(1);
    expect(reason).toBe(
      `tsunicorn: Cannot listen on unix:${web}: the address is in use by another process.\n`,
    );
    expect((await ask({ socketPath: web }, "/")).body).toBe("mine");
    taken.close();
    removeFolder(folder);
  });

  test("an address that this machine does not have", async () => {
    const { code, reason } = await failToStart({ "main.mjs": GOOD_MAIN }, [
      "main.mjs",
      "--bind",
      `192.0.2.7:${await freePort()}`,
    ]);
    expect(code).toBe(1);
    expect(reason).toMatch(
      /^tsunicorn: Cannot listen on 192\.0\.2\.7:\d+: this machine has no such address\.\n$/,
    );
  });
});

describe("a dirty app that begins to fail in a running server", () => {
  async function status(server: EchoServer): Promise<DirtyStatus> {
    return JSON.parse((await ask(server.target, "/status")).body);
  }

  /** Breaks the app of a running server, and waits until that shows. */
  async function broken(): Promise<EchoServer> {
    const server = await start(["--dirty-queue-timeout", "20"]);
    await eventually("it is ready", async () => (await status(server)).ready);
    writeFileSync(join(server.folder, "broken"), "");
    for (const pid of server.pids("dirty worker")) process.kill(pid, "SIGKILL");
    return server;
  }

  const fails = (server: EchoServer) => server.log().match(/dirty worker \d+ failed/g)?.length ?? 0;

  test("is tried again with growing pauses; meanwhile the server is not ready and calls fail at once; mended, it works again", async () => {
    const server = await broken();
    const early = ask(server.target, "/call/Echo/count");
    await eventually("it has failed four times", () => fails(server) >= 4);
    // The one that came before anybody knew is answered too, long before its queue timeout.
    const { status: earlyStatus, body: earlyBody } = await early;
    expect({ earlyStatus, ...failureIn(earlyBody) }).toMatchObject({
      earlyStatus: 500,
      code: "DIRTY_NO_WORKERS",
    });
    expect(await status(server)).toEqual({
      ready: false,
      apps: [
        { app: "app:Echo", workers: 0 },
        { app: "app:Single", workers: 0 },
      ],
    });
    const { body } = await ask(server.target, "/call/Echo/count");
    expect(failureIn(body)).toMatchObject({ name: "DirtyNoWorkersAvailableError", code: "DIRTY_NO_WORKERS" });
    await eventually("it has failed six times", () => fails(server) >= 6, 50_000);
    const pauses = [...server.log().matchAll(/the next starts (?:now|in ([\d.]+) s)/g)].map(([, s = "0"]) =>
      Number(s),
    );
    // Killed while it was healthy or young, then failing for real: each pause is longer than the one before.
    const growing = pauses.slice(-4);
    expect(growing).toEqual([...growing].sort((a, b) => a - b));
    expect(new Set(growing).size).toBe(4);
    expect(growing[3]).toBeGreaterThanOrEqual(0.8);
    // What needs no dirty app is served as ever.
    expect((await ask(server.target, "/pid")).status).toBe(200);
    // A dirty arbiter that starts now is told, long before the next try fails.
    for (const pid of server.pids("dirty arbiter")) process.kill(pid, "SIGKILL");
    await eventually(
      "there is another",
      () => server.log().match(/dirty arbiter \d+ is ready/g)?.length === 2,
    );
    const { body: later } = await ask(server.target, "/call/Echo/count");
    expect(failureIn(later).code).toBe("DIRTY_NO_WORKERS");

    rmSync(join(server.folder, "broken"));
    await eventually("the server is ready", async () => (await status(server)).ready);
    expect(await call(server.target, "Echo.count")).toBe(1);
    const inits = events(server.folder).filter(({ what }) => what === "init").length;
    // Two apps: the first worker, and the one that came up again.
    expect(inits).toBe(4);
  });
});

test("an app that only one worker runs, and that fails there: calls fail at once, other apps are served, and it recovers", async () => {
  const app = ECHO_FILES["app.mjs"];
  const server = await start([], {
    files: {
      ...ECHO_FILES,
      "app.mjs": app.replace(
        'existsSync("broken")',
        'existsSync("broken") && this.constructor.name === "Single"',
      ),
    },
    args: [
      ...["main.mjs", "--dirty-app", "./app.mjs:Echo", "--dirty-app", "./app.mjs:Single:1"],
      ...["--dirty-workers", "2", "--dirty-queue-timeout", "20"],
    ],
  });
  const doomed = Number(await call(server.target, "Single.pid"));
  writeFileSync(join(server.folder, "broken"), "");
  process.kill(doomed, "SIGKILL");
  const waiting = ask(server.target, "/call/Single/count");
  await eventually(
    "it has failed four times",
    () => (server.log().match(/dirty worker \d+ failed/g)?.length ?? 0) >= 4,
  );
  for (const { status, body } of [await waiting, await ask(server.target, "/call/Single/count")]) {
    expect({ status, code: failureIn(body).code }).toEqual({ status: 500, code: "DIRTY_NO_WORKERS" });
  }
  expect(await call(server.target, "Echo.pid")).not.toBe(doomed);
  rmSync(join(server.folder, "broken"));
  await eventually("it is served again", async () => {
    return (await ask(server.target, "/call/Single/count")).status === 200;
  });
});

test("a web app that begins to fail is tried again with growing pauses, and recovers", async () => {
  const server = await start([], {
    files: {
      ...ECHO_FILES,
      "main.mjs": `import { existsSync } from "node:fs"; if (existsSync("down")) throw new Error("no database");\n${ECHO_FILES["main.mjs"]}`,
    },
  });
  writeFileSync(join(server.folder, "down"), "");
  const [worker = 0] = server.pids("http worker");
  process.kill(worker, "SIGKILL");
  await eventually(
    "it has failed four times",
    () => (server.log().match(/http worker \d+ failed/g)?.length ?? 0) >= 4,
  );
  // It waits in the backlog until a worker is there to answer it.
  const waiting = ask(server.target, "/pid");
  rmSync(join(server.folder, "down"));
  expect((await waiting).status).toBe(200);
  expect(server.log()).toMatch(/no database; the next starts in 0\.1 s/);
});
