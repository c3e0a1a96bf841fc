/** The stash as users of a running server meet it: processes share it, and no death of its keeper is seen. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EchoServer, echoServers } from "./echo-app.ts";
import { eventually, isAlive } from "./harness.ts";
import { ask } from "./http-tools.ts";
import { whyItCannotStart } from "./lone-worker.ts";

const PYTHON = process.env["PYTHON"] ?? "python3";
const SCRIPT = fileURLToPath(new URL("../python/gunicorn_client.py", import.meta.url));
const NO_PYTHON = spawnSync(PYTHON, ["--version"]).status === 0 ? undefined : `${PYTHON} cannot be started`;

/** What uses the stash in HTTP workers and in dirty workers alike. */
const WORK = `
import { existsSync } from "node:fs";
import { stash } from "tsunicorn";

/**
 * Counts until the file "stop" is there. It sends so fast that the dirty arbiter carries out hundreds between two
 * answers. So a kill meets some that are done and not answered.
 */
export async function hammer(name) {
  const counted = [];
  const failed = [];
  const filler = "x".repeat(500);
  const one = async (lane) => {
    for (let n = 0; !existsSync("stop"); n++) {
      try {
        counted.push(await stash.incr("counters", "n"));
        if (n % 10 !== 0) continue;
        await stash.put("kept", name + ":" + lane, { n, filler });
        if ((await stash.get("kept", name + ":" + lane)).n !== n) failed.push("a put was lost");
      } catch (error) { failed.push(String(error)); return; }
    }
  };
  await Promise.all(Array.from({ length: 300 }, (_, lane) => one(lane)));
  return { counted, failed };
}
`;

const APP = `
import { DirtyApp, getDirtyClient, stash } from "tsunicorn";
import { hammer } from "./work.mjs";

export class App extends DirtyApp {
  static concurrency = 8;
  static stashes = { small: { maxEntries: 2, maxBytes: 1000, ttl: 3600 }, counters: {} };
  async init() { this.atInit = [await stash.tables(), await stash.incr("counters", "inits")]; }
  seenAtInit() { return this.atInit; }
  use(operation, ...args) { return stash[operation](...args); }
  hammer() { return hammer("app" + process.pid); }
  pid() { return process.pid; }
  askOther() { return getDirtyClient().execute("./app.mjs:Other", "echo", process.pid); }
}

export class Other extends DirtyApp {
  static concurrency = 8;
  echo(value) { return value; }
  askApp() { return getDirtyClient().execute("./app.mjs:App", "pid"); }
}
`;

const MAIN = `
import { dirty, stash } from "tsunicorn";
import { hammer } from "./work.mjs";

const apps = { App: dirty("./app.mjs:App"), Other: dirty("./app.mjs:Other") };

export default async function serve(request, response) {
  const url = new URL(request.url, "http://localhost");
  const [, kind, first, second] = url.pathname.split("/");
  const args = JSON.parse(url.searchParams.get("args") ?? "[]");
  const answer = (result) => response.end(JSON.stringify({ result: result ?? null, pid: process.pid }));
  try {
    if (kind === "stash") answer(await stash[first](...args));
    else if (kind === "call") answer(await apps[first][second](...args));
    else if (kind === "hammer") answer(await hammer("http" + process.pid));
    else if (kind === "pid") answer();
    else if (kind === "socket") answer(process.env.TSUNICORN_DIRTY_SOCKET);
  } catch (error) {
    response.statusCode = 500;
    response.end(JSON.stringify({ name: error.name, code: error.code, message: error.message }));
  }
}
`;

const FILES = { "main.mjs": MAIN, "app.mjs": APP, "work.mjs": WORK };
const ARGS = [
  "main.mjs",
  "--dirty-app",
  "./app.mjs:App",
  "--dirty-app",
  "./app.mjs:Other:1",
  "--workers",
  "2",
];

const servers = echoServers();
const startForAll = echoServers(afterAll);
const start = (more: string[] = []) => servers([], { files: FILES, args: [...ARGS, ...more] });

interface Answer {
  readonly result: unknown;
  readonly pid: number;
}

/** Asks an HTTP worker of the server; each request reaches any of them. */
async function get(server: EchoServer, path: string, args: unknown[] = []): Promise<Answer> {
  const { status, body } = await ask(
    server.target,
    `${path}?args=${encodeURIComponent(JSON.stringify(args))}`,
  );
  if (status !== 200) throw new Error(body);
  return JSON.parse(body) as Answer;
}

/** An operation in an HTTP worker. */
const inHttp = async (server: EchoServer, operation: string, ...args: unknown[]): Promise<unknown> =>
  (await get(server, `/stash/${operation}`, args)).result;

/** An operation in a dirty worker. */
const inDirty = async (server: EchoServer, operation: string, ...args: unknown[]): Promise<unknown> =>
  (await get(server, "/call/App/use", [operation, ...args])).result;

/** Kills the dirty arbiter, and waits for its successor. */
async function killDirtyArbiter(server: EchoServer): Promise<void> {
  const [victim] = server.pids("dirty arbiter");
  if (victim === undefined) throw new Error("there is no dirty arbiter");
  process.kill(victim, "SIGKILL");
  await eventually("a successor is there", () => {
    const [pid] = server.pids("dirty arbiter");
    return pid !== undefined && pid !== victim;
  });
}

describe("one server", () => {
  let server: EchoServer;

  beforeAll(async () => {
    server = await startForAll([], { files: FILES, args: ARGS });
  });

  test("tables that an app declares are there before its init, with their bounds", async () => {
    const { result } = await get(server, "/call/App/seenAtInit");
    expect(result).toEqual([expect.arrayContaining(["small", "counters"]), 1]);
    expect(await inHttp(server, "info", "small")).toEqual({
      table: "small",
      size: 0,
      bytes: 0,
      maxEntries: 2,
      maxBytes: 1000,
      ttl: 3600,
    });
    await inHttp(server, "put", "small", "a", 1);
    await inHttp(server, "put", "small", "b", 1);
    await expect(inHttp(server, "put", "small", "c", 1)).rejects.toThrow(
      /StashFullError.*STASH_FULL.*2 entries/,
    );
    await expect(inDirty(server, "put", "small", "a", "x".repeat(2000))).rejects.toThrow(
      /StashFullError.*1000 bytes/,
    );
    expect(await inHttp(server, "get", "small", "a")).toBe(1);
  });

  test("HTTP workers and a dirty app share the tables", async () => {
    await inHttp(server, "put", "sessions", "user:1", { name: "Ada", tags: ["a", null] });
    expect(await inDirty(server, "get", "sessions", "user:1")).toEqual({ name: "Ada", tags: ["a", null] });
    expect(await inDirty(server, "incr", "counters", "n", 5)).toBe(5);
    const seen = new Map<number, unknown>();
    await eventually("both HTTP workers have been asked", async () => {
      const { result, pid } = await get(server, "/stash/get", ["counters", "n"]);
      seen.set(pid, result);
      return seen.size === 2;
    });
    expect([...seen.values()]).toEqual([5, 5]);
    expect(await inDirty(server, "compareAndSet", "counters", "n", 5, "done")).toBe(true);
    expect(await inHttp(server, "compareAndSet", "counters", "n", 5, "again")).toBe(false);
    expect(await inHttp(server, "keys", "sessions", "user:*")).toEqual(["user:1"]);
    expect(await inHttp(server, "deleteTable", "sessions")).toBe(true);
    expect(await inDirty(server, "exists", "sessions")).toBe(false);
  });

  test("an entry is gone everywhere when its time is over", async () => {
    await inHttp(server, "put", "short-lived", "short", 1, { ttl: 0.3 });
    await inHttp(server, "put", "short-lived", "long", 1, { ttl: 60 });
    await eventually(
      "the entry is gone",
      async () => !(await inDirty(server, "exists", "short-lived", "short")),
    );
    expect(await inHttp(server, "keys", "short-lived")).toEqual(["long"]);
  });

  test("a dirty app calls another one", async () => {
    const { result } = await get(server, "/call/App/askOther");
    expect(server.pids("dirty worker")).toContain(result);
  });

  test("when the dirty arbiter is killed, tables, bounds and times to live are as they were", async () => {
    await inHttp(server, "put", "lasting", "a", { x: 1 });
    await inHttp(server, "put", "lasting", "short", 1, { ttl: 1 });
    await inHttp(server, "put", "lasting", "deleted", 1);
    await inHttp(server, "delete", "lasting", "deleted");
    await inHttp(server, "ensure", "bounded", { maxEntries: 1 });
    const before = await inHttp(server, "tables");
    await killDirtyArbiter(server);
    expect(await inHttp(server, "tables")).toEqual(before);
    expect(await inDirty(server, "get", "lasting", "a")).toEqual({ x: 1 });
    expect(await inHttp(server, "info", "bounded")).toMatchObject({ maxEntries: 1 });
    expect(await inHttp(server, "get", "lasting", "deleted", "no")).toBe("no");
    await eventually(
      "the short one is gone",
      async () => !(await inHttp(server, "exists", "lasting", "short")),
    );
    expect(await inHttp(server, "keys", "lasting")).toEqual(["a"]);
  });

  test("a client that knows only Gunicorn's protocol uses the same tables", async ({ skip }) => {
    if (NO_PYTHON !== undefined) skip(NO_PYTHON);
    const { result: path } = await get(server, "/socket");
    await inHttp(server, "put", "t", "ours", { from: "TypeScript" });
    const [PUT, GET, DELETE, KEYS, CLEAR, INFO, ENSURE, DROP, TABLES, EXISTS] = [
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ];
    const asked = [
      { op: GET, table: "t", key: "ours" },
      { op: PUT, table: "t", key: "theirs", value: { error: "a value", n: [1, 2.5, { hex: "00ff" }] } },
      { op: GET, table: "t", key: "theirs" },
      { op: GET, table: "t", key: "none" },
      { op: GET, table: "none", key: "none" },
      { op: KEYS, table: "t", pattern: "*s" },
      { op: EXISTS, table: "t", key: "theirs" },
      { op: EXISTS, table: "none" },
      { op: DELETE, table: "t", key: "ours" },
      { op: DELETE, table: "t", key: "ours" },
      { op: INFO, table: "t" },
      { op: INFO, table: "none" },
      { op: ENSURE, table: "new" },
      { op: CLEAR, table: "new" },
      { op: DROP, table: "new" },
      { op: DROP, table: "new" },
      { op: TABLES, table: "" },
      { op: 99, table: "t" },
      { op: GET, table: "t", key: 5 },
      { op: PUT, table: "t", key: "null" },
    ];
    const steps = [
      { send: asked.map((one, index) => ({ id: String(index), stash: one })) },
      { read: asked.length },
    ];
    const { stdout, stderr } = spawnSync(PYTHON, ["-I", SCRIPT, String(path)], {
      input: steps.map((step) => `${JSON.stringify(step)}\n`).join(""),
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    const frames = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(frames.map(({ id }) => id)).toEqual(asked.map((_, index) => String(index)));
    const answers = frames.map(({ type, payload }) =>
      type === 2 ? payload.result : payload.error.error_type,
    );
    expect(answers).toEqual([
      { from: "TypeScript" },
      true,
      { error: "a value", n: [1, 2.5, { hex: "00ff" }] },
      "StashKeyNotFoundError",
      "StashKeyNotFoundError",
      ["ours", "theirs"],
      true,
      false,
      true,
      false,
      expect.objectContaining({ size: 1, table: "t" }),
      "StashTableNotFoundError",
      true,
      true,
      true,
      false,
      expect.arrayContaining(["t", "small", "counters"]),
      "StashError",
      "StashError",
      true,
    ]);
    expect(await inHttp(server, "get", "t", "null", "fallback")).toBeNull();
  });

  // The last one: it ends the server.
  test("the log lies in the private folder, and goes with it", async () => {
    const folder = dirname(String((await get(server, "/socket")).result));
    await inHttp(server, "put", "log", "a", 1);
    expect(readdirSync(folder)).toContain("stash.log");
    await server.stop();
    expect(existsSync(folder)).toBe(false);
  });
});

test("tables that an app declares in a way that makes no sense stop the start, with the reason", async () => {
  const app =
    'import { DirtyApp } from "tsunicorn"; export class App extends DirtyApp { static stashes = { a: 5 }; }';
  const reason = await whyItCannotStart({
    kind: "dirty-worker",
    files: { "main.mjs": "export default () => {};", "app.mjs": app },
    args: ["main.mjs", "--dirty-app", "./app.mjs:App"],
  });
  expect(reason).toMatch(/"a" in static stashes of the dirty app app:App must be an object/);
});

test("when the dirty arbiter is killed again and again while many count, no count is lost or made twice, and no put", async () => {
  const server = await start(["--dirty-workers", "1"]);
  const pids = new Set<number>();
  const hammers: Promise<Answer>[] = [get(server, "/call/App/hammer")];
  // Until both HTTP workers count: a connection may reach either.
  await eventually(
    "both HTTP workers are there",
    async () => pids.add((await get(server, "/pid")).pid).size === 2,
  );
  for (let n = 0; n < 4; n++) hammers.push(get(server, "/hammer"));
  const count = async () => Number(await inHttp(server, "get", "counters", "n", 0));
  for (let death = 0; death < 3; death++) {
    const before = await count();
    await eventually("many have counted", async () => (await count()) > before + 2000, 50_000);
    await killDirtyArbiter(server);
  }
  const after = await count();
  await eventually("they count on", async () => (await count()) > after + 100, 50_000);
  writeFileSync(join(server.folder, "stop"), "");
  const results = (await Promise.all(hammers)).map(
    ({ result }) => result as { counted: number[]; failed: string[] },
  );
  expect(results.flatMap(({ failed }) => failed)).toEqual([]);
  const counted = results.flatMap((one) => one.counted).sort((a, b) => a - b);
  expect(counted.length).toBeGreaterThan(6000);
  expect(counted.findIndex((number, index) => number !== index + 1)).toBe(-1);
  expect(await count()).toBe(counted.length);
});

test("dirty workers whose apps have called each other do not wait for each other when the arbiter is killed", async () => {
  const server = await start(["--dirty-workers", "2", "--workers", "1"]);
  for (let n = 0; n < 10; n++) {
    await ask(server.target, "/call/App/askOther");
    await ask(server.target, "/call/Other/askApp");
  }
  const children = [...server.pids("http worker"), ...server.pids("dirty")];
  server.process.kill("SIGKILL");
  await eventually("all have gone", () => children.every((pid) => !isAlive(pid)), 50_000);
});
