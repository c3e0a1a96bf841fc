/** How dirty workers in Python start, are replaced and stop. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NO_PYTHON, PYTHON } from "../python/python.ts";
import { eventually, isAlive, removeFolder, startServer, temporaryFolder } from "./harness.ts";
import { ask } from "./http-tools.ts";
import type { JobServer, Outcome } from "./jobs-app.ts";
import { whyItCannotStart } from "./lone-worker.ts";
import { inPython, startPythonJobs } from "./python-server.ts";

const MAIN = "export default (request, response) => response.end('yes');";

const folders: string[] = [];

beforeEach(({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
});

afterAll(() => {
  for (const folder of folders.splice(0)) removeFolder(folder);
});

/** Gives the tests of a group one server, which ends with them. */
function oneServer(begin: () => Promise<JobServer>): () => JobServer {
  let server: JobServer | undefined;
  beforeAll(async () => {
    if (NO_PYTHON === undefined) server = await begin();
  });
  afterAll(() => server?.stop());
  return () => {
    if (server === undefined) throw new Error("the server was not started");
    return server;
  };
}

/** Starts a server that cannot start. @returns what it printed on standard error, and its exit code. */
async function failing(
  files: Record<string, string>,
  ...args: string[]
): Promise<{ said: string; code: number | null }> {
  const folder = temporaryFolder({ "main.mjs": MAIN, ...files });
  folders.push(folder);
  const running = await startServer({
    args: ["main.mjs", "--python", PYTHON, ...args],
    cwd: folder,
    until: "",
  });
  try {
    const { code } = await running.exited(50_000);
    return { said: running.errors(), code };
  } finally {
    await running.stop();
  }
}

describe("a start ends with the reason, and what to do,", () => {
  test("where the interpreter is missing", async () => {
    const { said, code } = await failing({}, "--dirty-app", "python:jobs:One", "--python", "python-of-none");
    expect(said).toMatch(
      /the Python interpreter python-of-none cannot be started: there is no such program, and no folder \/.*\/python-of-none;/,
    );
    expect(said).toMatch(/install Python 3\.9 or later, or name another with --python/);
    expect(code).toBe(3);
  });

  test.each([
    [
      "is missing",
      undefined,
      /python:chat_app:ChatApp cannot be loaded: No module named 'chat_app'; modules are looked for in \//,
    ],
    [
      "needs one that is not installed",
      "import transformers_of_nobody\n",
      /No module named 'transformers_of_nobody'; install it with \/.*python.* -m pip install/,
    ],
    ["has no such class", "x = 1\n", /has no class ChatApp/],
    ["has something else by that name", "ChatApp = 1\n", /has something else as its class ChatApp/],
    ["cannot be read", "class ChatApp(:\n", /python:chat_app:ChatApp cannot be loaded: SyntaxError/],
    [
      "ends its process in an async init()",
      "import sys\nclass ChatApp:\n  async def init(self): sys.exit('no weights')\n",
      /init\(\) of the dirty app python:chat_app:ChatApp failed: .*SystemExit\(no weights\)/,
    ],
    [
      "has a text where a list belongs",
      "class ChatApp:\n  stashes = ('hits')\n",
      /stashes of the dirty app python:chat_app:ChatApp must be names of tables/,
    ],
    [
      "has a number where a list belongs",
      "class ChatApp:\n  continues = 5\n",
      /continues of the dirty app python:chat_app:ChatApp must be a list of names of its actions/,
    ],
    [
      "has an impossible concurrency",
      "class ChatApp:\n  concurrency = 0\n",
      /concurrency of the dirty app python:chat_app:ChatApp is 0; it must be a whole number of at least 1/,
    ],
    [
      "continues what it does not have",
      "class ChatApp:\n  continues = ['sing']\n",
      /continues of the dirty app .* but the app has no action "sing"/,
    ],
  ])("where the module %s", async (_what, source, reason) => {
    const said = await whyItCannotStart({
      kind: "dirty-worker",
      files: { "main.mjs": MAIN, ...(source === undefined ? {} : { "chat_app.py": source }) },
      args: ["main.mjs", "--python", PYTHON, "--dirty-app", "python:chat_app:ChatApp"],
    });
    expect(said).toMatch(reason);
    expect(said).not.toContain("Traceback");
  });

  test("where init() fails", async () => {
    const source = "class ChatApp:\n  def init(self): raise OSError('no weights')\n";
    const { said, code } = await failing({ "chat_app.py": source }, "--dirty-app", "python:chat_app:ChatApp");
    expect(said).toMatch(/init\(\) of the dirty app python:chat_app:ChatApp failed: OSError: no weights/);
    expect(said).not.toContain("Traceback");
    expect(code).toBe(3);
  });
});

test("--python takes a virtualenv's folder", async () => {
  const folder = temporaryFolder();
  folders.push(folder);
  const made = spawnSync(PYTHON, ["-m", "venv", "--without-pip", "venv"], { cwd: folder, encoding: "utf8" });
  expect(made.stderr).toBe("");
  const source = "import sys\nclass Where:\n  def prefix(self): return sys.prefix\n";
  const server = await startPythonJobs(
    [],
    ["--dirty-app", "python:where:Where", "--python", join(folder, "venv")],
    {
      "where.py": source,
    },
  );
  try {
    const { result } = await server.call({ app: "python:where:Where", action: "prefix" });
    expect(result).toBe(join(folder, "venv"));
  } finally {
    await server.stop();
  }
});

/** Apps that each show one thing. */
const APPS = {
  "closing.py": [
    "import os, time",
    "class App:",
    "  def ticks(self):",
    "    at = 0",
    "    while not os.path.exists('enough'):",
    "      yield at",
    "      at += 1",
    "      time.sleep(0.02)",
    "  def close(self):",
    "    open('closed', 'w').write('yes')",
    "",
  ].join("\n"),
  "talk.py": [
    "import logging",
    "class App:",
    "  def speak(self):",
    "    print('printed by the app')",
    "    logging.getLogger('my.model').warning('logged by the app')",
    "",
  ].join("\n"),
  "mute.py": [
    "class Mute(Exception):",
    "  def __str__(self): return self.text",
    "class App:",
    "  def fails(self): raise Mute()",
    "",
  ].join("\n"),
  "gpus.py": [
    "import os",
    "class App:",
    "  resources = {'gpu': 1}",
    "  def init(self): self.seen = os.environ['CUDA_VISIBLE_DEVICES']",
    "  def devices(self): return self.seen",
    "",
  ].join("\n"),
};

const FORKING = [
  "import multiprocessing, os, time",
  "forked = multiprocessing.get_context('fork')",
  "class App:",
  "  def start(self):",
  "    child = forked.Process(target=self.sleep, daemon=True)",
  "    child.start()",
  "    return child",
  "  def sleep(self):",
  // In a session of its own it is not in its worker's process group, and outlives the worker.
  "    os.setsid()",
  "    time.sleep(300)",
  "  def ticks(self):",
  "    child = self.start()",
  "    while os.getsid(child.pid) != child.pid: time.sleep(0.01)",
  "    yield [os.getpid(), child.pid]",
  "    while True:",
  "      time.sleep(0.02)",
  "      yield 0",
  "  def terminates(self):",
  "    child = self.start()",
  "    child.terminate()",
  "    child.join(30)",
  "    return child.exitcode",
  "",
].join("\n");
const TALLY = `
import asyncio
from tsunicorn import DirtyApp, MISSING, StashTableNotFoundError, stash

class Tally(DirtyApp):
    concurrency = 20
    workers = 2
    stashes = {"bounded": {"max_entries": 2}}

    def init(self):
        stash.incr("tally", "inits")

    def count(self, by):
        return stash.incr("tally", "calls", by)

    async def count_later(self, by):
        return await stash.aio.incr("tally", "calls", by)

    def keeps(self, value):
        stash.put("things", "one", value)
        return [stash.get("things", "one"), stash.get("things", "none"), stash.get("things", "none", 7)]

    async def keeps_later(self, value):
        await stash.aio.put("things", "one", value)
        return [await stash.aio.get("things", "one"), await stash.aio.get("things", "none", 7)]

    def rest(self):
        stash.put("rest", "a", None)
        stash.put("rest", "b", 2, ttl=100)
        seen = [
            stash.get("rest", "a", "gone"), stash.exists("rest", "a"), stash.exists("rest", "c"), sorted(stash.keys("rest")),
            stash.keys("rest", "b*"), stash.info("rest")["size"], stash.delete("rest", "a"), stash.delete("rest", "a"),
            stash.compare_and_set("rest", "b", 2, 3), stash.compare_and_set("rest", "b", 2, 4),
            stash.compare_and_set("rest", "c", MISSING, 1), stash.compare_and_set("rest", "c", 1, MISSING),
            stash.exists("rest", "c"), "rest" in stash.tables(),
        ]
        stash.clear("rest")
        seen.append(stash.keys("rest"))
        seen.append(stash.delete_table("rest"))
        try:
            stash.info("rest")
        except StashTableNotFoundError:
            seen.append("no table")
        return seen

    async def many(self):
        # With a pattern as long as this each turn of the search gets to a few hundred.
        keys = [f"{'a' * 1000}{at}" for at in range(800)]
        await asyncio.gather(*[stash.aio.put("many", key, 1) for key in keys])
        return [await stash.aio.keys("many", f"*{'a' * 999}*") == keys, stash.keys("many", "*7") == [key for key in keys if key[-1] == "7"]]

    def overfills(self):
        for key in "abc":
            stash.put("bounded", key, 1)
`;

describe("a server with many apps", () => {
  const FORKS = "python:forking:App";
  const server = oneServer(() =>
    startPythonJobs(
      ["One:2", "Many"],
      [
        ...["./app.mjs:One", "python:closing:App", "python:talk:App", "python:mute:App", "python:gpus:App"],
        ...[FORKS, "python:tally:Tally"],
      ]
        .flatMap((spec) => ["--dirty-app", spec])
        .concat("--resource", "gpu=7"),
      { ...APPS, "forking.py": FORKING, "tally.py": TALLY },
    ),
  );
  const tally = (action: string, ...args: unknown[]) =>
    server().call({ app: "python:tally:Tally", action, args });

  test("serves those in TypeScript and in Python side by side, each in workers of its own", async () => {
    const inNode = await server().call({ app: "One", action: "pid" });
    expect(server().running.pids("dirty worker")).toEqual([inNode.result]);
    const both = await Promise.all(
      [1, 2].map(() => server().stream(inPython("One", { action: "ticks", args: [100_000, 20] }))),
    );
    await Promise.all(both.map((stream) => stream.has(2)));
    for (const stream of both) stream.leave();
  });

  test("lets an app end processes that it forks, and one that lives keeps no stream open when the worker is killed", async () => {
    expect(await server().call({ app: FORKS, action: "terminates" })).toMatchObject({ result: -15 });

    const stream = await server().stream({ app: FORKS, action: "ticks" });
    await stream.has(1);
    const [worker, child] = stream.chunks[0] as [number, number];
    try {
      process.kill(worker, "SIGKILL");
      expect(await stream.over()).toMatchObject({ error: { name: "DirtyWorkerError" } });
      expect(isAlive(child)).toBe(true);
    } finally {
      process.kill(child, "SIGKILL");
    }
  });

  test("logs what an app prints and logs, with the request's id", async () => {
    await server().call({ app: "python:talk:App", action: "speak", id: "spoken-1" });
    await server().running.logged("printed by the app");
    await server().running.logged(
      /"level":"warn".*"requestId":"spoken-1","logger":"my.model","msg":"logged by the app"/,
    );
  });

  test("logs the traceback of an error that has no text too", async () => {
    const { error } = await server().call({ app: "python:mute:App", action: "fails" });
    expect(error).toMatchObject({ name: "DirtyAppError", message: "The error has no text." });
    await server().running.logged(/"type":"Mute","message":"The error has no text.","stack":".*in fails/);
  });

  test("puts the resources of a class into its worker's environment before init", async () => {
    expect(await server().call({ app: "python:gpus:App", action: "devices" })).toMatchObject({ result: "7" });
  });

  test("shares the stash among all workers, from plain and from async code", async () => {
    await Promise.all(Array.from({ length: 40 }, (_, i) => tally(i % 2 ? "count" : "count_later", 1)));
    expect(await tally("count", 0)).toMatchObject({ result: 40 });
    const value = { text: "grüße", list: [1, null, true], deep: { a: 1.5 } };
    expect(await tally("keeps", value)).toMatchObject({ result: [value, null, 7] });
    expect(await tally("keeps_later", value)).toMatchObject({ result: [value, 7] });
    expect(await tally("many")).toMatchObject({ result: [true, true] });
    expect(await tally("rest")).toMatchObject({
      result: [
        null,
        true,
        false,
        ["a", "b"],
        ["b"],
        2,
        true,
        false,
        true,
        false,
        true,
        true,
        false,
        true,
        [],
        true,
        "no table",
      ],
    });
    expect(await tally("overfills")).toMatchObject({ error: { name: "StashFullError" } });
  });

  test("gives a new dirty arbiter the workers that live, their apps loaded, and what the stash had", async () => {
    const pid = (): Promise<Outcome> => server().call(inPython("Many", { action: "pid" }));
    const before = await pid();
    const calls = Number((await tally("count", 5)).result);
    const [arbiter = 0] = server().running.pids("dirty arbiter");
    process.kill(arbiter, "SIGKILL");
    expect(await tally("count", 1)).toMatchObject({ result: calls + 1 });
    expect((await pid()).result).toBe(before.result);
  });

  // The last one: it ends the server.
  test("lets a stream end in a graceful stop, and calls close()", async () => {
    const stream = await server().stream({ app: "python:closing:App", action: "ticks" });
    await stream.has(1);
    server().running.signal("SIGTERM");
    await server().running.logged("stopping: requests in progress may finish");
    await stream.has(stream.chunks.length + 2);
    writeFileSync(join(server().folder, "enough"), "");
    expect(await stream.over()).toMatchObject({ ended: true });
    expect(stream.chunks).toEqual(stream.chunks.map((_, at) => at));
    expect(await server().running.exited()).toMatchObject({ code: 0 });
    expect(readFileSync(join(server().folder, "closed"), "utf8")).toBe("yes");
  });
});

describe("a server with --dirty-workers 0, where every app is in Python,", () => {
  const server = oneServer(() =>
    startPythonJobs(["One"], ["--dirty-workers", "0", "--dirty-max-requests", "5"]),
  );

  test("serves, and dirtyMaxRequests replaces a worker without losing a call", async () => {
    expect(server().running.pids("dirty worker")).toEqual([]);
    const pids = new Set<unknown>();
    await eventually("another worker serves", async () => {
      const outcome = await server().call(inPython("One", { action: "pid" }));
      expect(outcome.error).toBeUndefined();
      return pids.add(outcome.result).size > 1;
    });
  });

  // The last one: it ends the server.
  test("and when the arbiter is killed, its Python workers go as well", async () => {
    const pid = Number((await server().call(inPython("One", { action: "pid" }))).result);
    server().running.signal("SIGKILL");
    await eventually("the worker has ended", () => !isAlive(pid));
  });
});

const MAIN_WITH_STREAMS = `
import { createStreamId, dirty, getDirtyClient } from "tsunicorn";
const typed = dirty("python:jobs:Two");
const client = getDirtyClient();
const name = async (iterable) => {
  try { for await (const chunk of iterable) {} return "whole"; } catch (error) { return error.name; }
};
async function left(of, chunks) {
  const seen = [];
  for await (const chunk of of) {
    seen.push(chunk);
    if (seen.length === chunks) break;
  }
  return seen;
}
const ways = {
  async back() {
    const streamId = createStreamId();
    const stream = client.with({ streamId, requestId: "back" }).stream("python:jobs:Two", "ticks", 30, 20);
    const seen = await left(stream, 3);
    for await (const chunk of client.resume(streamId, { after: 3 })) seen.push(chunk);
    const again = [];
    for await (const chunk of client.resume(streamId, { after: 25 })) again.push(chunk);
    return { seen, again };
  },
  async plain() {
    const seen = [];
    for await (const chunk of client.with({ requestId: "plain" }).stream("python:jobs:Two", "ticks", 30, 20)) seen.push(chunk);
    return { seen };
  },
  async pid() { return { pid: await client.execute("python:jobs:Two", "pid") }; },
  async deaf() { return client.with({ requestId: "deaf" }).execute("python:jobs:Two", "deaf"); },
  async cancelled() {
    const streamId = createStreamId();
    await left(typed.with({ streamId, requestId: "cancelled" }).ticks(1000, 20), 2);
    await client.cancel(streamId);
    return { later: await name(client.resume(streamId)) };
  },
  async away() {
    const streamId = createStreamId();
    await left(typed.with({ streamId, requestId: "away" }).ticks(1000, 20), 2);
    return {};
  },
  async died() {
    const streamId = createStreamId();
    const seen = [];
    for await (const chunk of typed.with({ streamId, requestId: "died" }).goes_on(10, 4)) seen.push(chunk);
    const again = [];
    for await (const chunk of client.resume(streamId, { after: 2 })) again.push(chunk);
    return { seen, again };
  },
};
export default async function serve(request, response) {
  response.end(JSON.stringify(await ways[request.url.slice(1)]()));
}
`;

describe("a stream with a stream id", () => {
  const server = oneServer(() =>
    startPythonJobs(["Two"], ["--stream-grace", "2", "--dirty-workers", "2"], {
      "main.mjs": MAIN_WITH_STREAMS,
    }),
  );
  const ways = async (way: string) => JSON.parse((await ask(server().target, `/${way}`)).body);
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

  test("is read on by a client that comes back, is kept, can be cancelled, and outlives its worker", async () => {
    expect(server().running.pids("dirty worker")).toEqual([]);
    expect(await ways("back")).toEqual({ seen: numbers(0, 30), again: numbers(25, 30) });
    expect(
      server()
        .notes("back")
        .map(({ what, aborted }) => [what, aborted]),
    ).toEqual([
      ["began", false],
      ["settled", false],
    ]);

    expect(await ways("cancelled")).toEqual({ later: "DirtyStreamNotFoundError" });
    expect(await server().noted("cancelled", "settled")).toMatchObject({ aborted: true });

    await ways("away");
    expect(await server().noted("away", "settled", 50_000)).toMatchObject({ aborted: true });

    expect(await ways("died")).toEqual({ seen: numbers(0, 10), again: numbers(2, 10) });
  });

  test("is read on from the old worker after a reload, as any stream is; new calls get another worker, and the old one goes", async () => {
    const { pid: old } = await ways("pid");
    const streams = Promise.all(["back", "plain"].map(ways));
    const begun = (id: string) =>
      server()
        .notes(id)
        .filter((note) => note.what === "began").length;
    // The first of "back" was before the reload.
    await eventually("both have begun", () => begun("back") === 2 && begun("plain") === 1);
    server().running.signal("SIGHUP");
    await server().running.logged("reloaded in ");
    expect((await ways("pid")).pid).not.toBe(old);
    expect(await streams).toEqual([
      { seen: numbers(0, 30), again: numbers(25, 30) },
      { seen: numbers(0, 30) },
    ]);
    // Two times: before, and now.
    expect(server().notes("back")).toHaveLength(4);
    await eventually("the old one is gone", () => !isAlive(old), 40_000);
  });

  // The last one: it ends the server.
  test("and threads that hang end with a quick stop", async () => {
    void ways("deaf").catch(() => {});
    await server().noted("deaf", "began");
    server().running.signal("SIGQUIT");
    expect(await server().running.exited()).toMatchObject({ code: 0 });
  });
});
