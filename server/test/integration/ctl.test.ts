/** `tsunicorn ctl`, against real servers, as an operator uses it. */
import { spawn } from "node:child_process";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askServer } from "../../src/cli/ctl-client.ts";
import { SETTING_NAMES } from "../../src/config/settings.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { WirePeer } from "../dirty/wire-peer.ts";
import { command, ctl, ctlJson, temporaryOf } from "./ctl-command.ts";
import { type EchoServer, echoServers, enqueue, stream } from "./echo-app.ts";
import { eventually, isAlive } from "./harness.ts";
import { ask } from "./http-tools.ts";

const start = echoServers();

/** Has the tests of a group share one server. @returns it. */
function shared(more: string[] = [], env: NodeJS.ProcessEnv = {}): () => EchoServer {
  const startOne = echoServers(afterAll);
  let server: EchoServer | undefined;
  beforeAll(async () => {
    server = await startOne(more, { env });
  });
  return () => {
    if (server === undefined) throw new Error("it has not started");
    return server;
  };
}

/** Asks as the command does, without it: for those who ask again and again. */
async function asked<T>(server: EchoServer, ...words: string[]): Promise<T> {
  return (await askServer(socketOf(server), words, 10_000)) as T;
}

function socketOf(server: EchoServer): string {
  const temporary = temporaryOf(server);
  const folder = readdirSync(temporary).find((name) => name.startsWith("tsunicorn-")) ?? "";
  return join(temporary, folder, "control.sock");
}

interface Process {
  pid: number;
  state: string;
  answered: boolean;
  generation: number;
  age: number;
  rss: number;
  loop: number;
}
interface Workers {
  target: number;
  workers: (Process & { requests: number; inProgress: number; connections: number })[];
}
interface Dirty {
  target: number;
  arbiter: Process;
  workers: (Process & {
    apps: string[];
    runs: number;
    running: number;
    connected: boolean;
    leases: number;
  })[];
}

const pidsOf = (one: { workers: { pid: number }[] }): number[] =>
  one.workers.map(({ pid }) => pid).sort((a, b) => a - b);

describe("show", () => {
  // What waits and what runs stays so while the commands are asked, however long each takes to start.
  const theServer = shared(["--workers", "2"], {
    TSUNICORN_KEEPALIVE: "7",
    TSUNICORN_DIRTY_QUEUE_TIMEOUT: "250",
  });

  test("is readable on a terminal", async () => {
    const server = theServer();
    const { code, out, error } = await ctl(server, "show", "all");
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(out).toMatch(new RegExp(`^server +main, process ${server.pid}$`, "m"));
    expect(out).toMatch(/^ +\d+ +ready +[\d.]+s +0 +0 +0 +\d+ MiB +\d+% +1$/m);
    expect(out).toMatch(/^ +app:Single +1 +0 +1 +0 +\d+$/m);
  });

  test("tells of a server at work: processes, apps, queues, streams and sockets", async () => {
    const server = theServer();
    const running = await stream(server.target, "Single.ticks", [1_000_000, 50, "running"]);
    const queued = await enqueue(server.target, "Single.ticks", [1, 1, "queued"]);

    const workers = await ctlJson<Workers>(server, "show", "workers");
    expect(workers.target).toBe(2);
    expect(pidsOf(workers)).toEqual(server.pids("http worker").sort((a, b) => a - b));
    const sum = (key: "requests" | "inProgress" | "connections") =>
      workers.workers.reduce((total, worker) => total + worker[key], 0);
    expect([sum("requests"), sum("inProgress"), sum("connections")]).toEqual([2, 2, 2]);
    for (const worker of workers.workers) {
      expect(worker).toMatchObject({ state: "ready", answered: true, generation: 1 });
      expect(worker.rss).toBeGreaterThan(20 * 1024 ** 2);
      expect(worker.loop).toBeGreaterThanOrEqual(0);
      expect(worker.loop).toBeLessThanOrEqual(1);
    }

    const dirty = await ctlJson<Dirty>(server, "show", "dirty");
    expect(dirty.arbiter).toMatchObject({
      pid: server.pids("dirty arbiter")[0],
      state: "ready",
      answered: true,
    });
    expect(pidsOf(dirty)).toEqual(server.pids("dirty worker"));
    expect(dirty.workers).toMatchObject([
      { state: "ready", apps: ["app:Echo", "app:Single"], runs: 1, running: 1, connected: true, leases: 1 },
    ]);

    expect(await ctlJson(server, "show", "apps")).toEqual([
      { app: "app:Echo", workers: 1, pids: pidsOf(dirty), running: 0, places: 16, queued: 0 },
      { app: "app:Single", workers: 1, pids: pidsOf(dirty), running: 1, places: 1, queued: 1 },
    ]);
    const queues = await ctlJson<{ app: string; oldestWait: number | null }[]>(server, "show", "queues");
    expect(queues).toMatchObject([
      { app: "app:Echo", queued: 0, oldestWait: null },
      { app: "app:Single", queued: 1, limit: 1024, timeout: 250 },
    ]);
    expect(queues[1]?.oldestWait).toBeGreaterThan(0);
    expect(await ctlJson(server, "show", "streams")).toMatchObject({
      total: 1,
      streams: [{ app: "app:Single", pid: pidsOf(dirty)[0], age: expect.any(Number) }],
    });
    expect(await ctlJson(server, "show", "listeners")).toEqual([
      { serves: "http", url: server.url },
      { serves: "dirty", url: expect.stringMatching(/^unix:.*dirty\.sock$/) },
      { serves: "control", url: `unix:${socketOf(server)}` },
    ]);
    expect(await ctlJson(server, "show", "stats")).toMatchObject({
      pid: server.pid,
      name: "main",
      state: "running",
      httpWorkers: { target: 2, ready: 2 },
      dirtyWorkers: { target: 1, ready: 1 },
      requests: 2,
      running: 1,
      queued: 1,
      silent: 0,
      restarts: [],
    });
    running.leave();
    await queued.ended();
    await eventually("nothing runs", async () => {
      const { total } = await asked<{ total: number }>(server, "show", "streams");
      return total === 0;
    });
  });

  test("says where every setting came from", async () => {
    const server = theServer();
    const config = await ctlJson<{ name: string }[]>(server, "show", "config");
    expect(config.map(({ name }) => name)).toEqual(SETTING_NAMES);
    expect(config).toContainEqual({ name: "workers", value: 2, source: "flag --workers" });
    expect(config).toContainEqual({ name: "keepalive", value: 7, source: "environment TSUNICORN_KEEPALIVE" });
    const { out } = await ctl(server, "show", "config");
    expect(out).toMatch(/^keepalive +7 +environment TSUNICORN_KEEPALIVE$/m);
  });

  test("does not wait long for processes that are stopped, and says that they do not answer", async () => {
    const server = theServer();
    const stopped = server.pids("http worker")[0] ?? 0;
    process.kill(stopped, "SIGSTOP");
    try {
      const { workers } = await ctlJson<Workers>(server, "show", "workers");
      expect(workers.find(({ pid }) => pid === stopped)).toMatchObject({ answered: false, requests: null });
      expect(workers.find(({ pid }) => pid !== stopped)).toMatchObject({ answered: true });
    } finally {
      process.kill(stopped, "SIGCONT");
    }
  });
});

describe("worker", () => {
  const theServer = shared();

  const ready = (server: EchoServer, count: number) =>
    eventually(`${count} HTTP workers are ready`, async () => {
      const { workers } = await asked<Workers>(server, "show", "workers");
      return workers.length === count && workers.every(({ state }) => state === "ready");
    });

  test("add and remove change the number of HTTP workers", async () => {
    const server = theServer();
    const [first] = server.pids("http worker");
    expect((await ctl(server, "worker", "add", "2")).out).toBe("3 HTTP workers from now on.\n");
    await ready(server, 3);
    expect(server.pids("http worker")).toHaveLength(3);
    expect(server.pids("http worker")).toContain(first);
    expect((await ctl(server, "worker", "remove", "2")).out).toBe("1 HTTP workers from now on.\n");
    await eventually("there is one", () => server.pids("http worker").length === 1);
    const { code, error } = await ctl(server, "worker", "remove");
    expect(code).toBe(1);
    expect(error).toMatch(/^tsunicorn ctl: There are 1 HTTP workers/);
    expect((await ask(server.target, "/pid")).status).toBe(200);
  });

  test("kill ends the worker that was named and no other, and another takes its place", async () => {
    const server = theServer();
    await ctl(server, "worker", "add");
    await ready(server, 2);
    const [victim = 0, other = 0] = server.pids("http worker");
    expect((await ctl(server, "worker", "kill", String(victim))).out).toMatch(
      `HTTP worker ${victim} was killed; another takes its place.\n`,
    );
    await eventually("it is gone", () => !isAlive(victim));
    await ready(server, 2);
    expect(server.pids("http worker")).toContain(other);
    expect(await ctlJson(server, "show", "stats")).toMatchObject({
      restarts: [{ kind: "http-worker", reason: "ctl kill", count: 1 }],
    });
  });

  test("kill takes no process but the server's own workers of that kind", async () => {
    const server = theServer();
    const foreign = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    const pids = [foreign.pid, server.pid, process.pid, ...server.pids("dirty")];
    try {
      for (const pid of pids) {
        const { code, error } = await ctl(server, "worker", "kill", String(pid));
        expect(code).toBe(1);
        expect(error).toBe(`tsunicorn ctl: This server has no HTTP worker with process id ${pid}.\n`);
        expect(isAlive(pid ?? 0)).toBe(true);
      }
    } finally {
      foreign.kill();
    }
  });
});

describe("dirty", () => {
  const theServer = shared();

  test("add and remove change the number of dirty workers, as do signals to the dirty arbiter", async () => {
    const server = theServer();
    const counted = (count: number) =>
      eventually(`there are ${count}`, async () => {
        const { workers } = await asked<Dirty>(server, "show", "dirty");
        return workers.length === count && workers.every(({ connected }) => connected);
      });
    expect((await ctl(server, "dirty", "add")).out).toBe("2 dirty workers from now on.\n");
    await counted(2);
    expect((await ctl(server, "dirty", "remove")).out).toBe("1 dirty workers from now on.\n");
    await counted(1);
    expect(await ctl(server, "dirty", "remove")).toMatchObject({ code: 1 });
    const [arbiter = 0] = server.pids("dirty arbiter");
    process.kill(arbiter, "SIGTTIN");
    await counted(2);
    process.kill(arbiter, "SIGTTOU");
    await counted(1);
    process.kill(arbiter, "SIGTTOU");
    await server.logged("the number of dirty workers stays as it is");
    expect(server.pids("dirty worker")).toHaveLength(1);
  });

  test("kill ends a dirty worker or the dirty arbiter, and another takes its place", async () => {
    const server = theServer();
    for (const kind of ["dirty worker", "dirty arbiter"]) {
      const [victim = 0] = server.pids(kind);
      expect((await ctl(server, "dirty", "kill", String(victim))).code).toBe(0);
      await eventually("another is there", async () => {
        if (isAlive(victim)) return false;
        const report = await asked<Dirty>(server, "show", "dirty").catch(() => undefined);
        const [worker, ...others] = report?.workers ?? [];
        return report?.arbiter?.state === "ready" && worker?.connected === true && others.length === 0;
      });
      expect(server.pids(kind)).not.toContain(victim);
    }
    const { code } = await ctl(server, "dirty", "kill", String(server.pids("http worker")[0]));
    expect(code).toBe(1);
  });

  test("a client that knows only Gunicorn's protocol asks for STATUS, and scales with MANAGE", async () => {
    const server = theServer();
    await eventually("the dirty arbiter knows the worker", async () =>
      (await ask(server.target, "/status")).body.includes('"ready":true'),
    );
    const { body: socket } = await ask(server.target, "/socket");
    const client = await WirePeer.to(socket);
    const result = async (type: number, wish?: unknown) => {
      client.send([type, 1, wish]);
      return (await client.next(MSG.RESPONSE)).dict["result"];
    };
    try {
      expect(await result(MSG.STATUS)).toMatchObject({
        arbiter_pid: server.pids("dirty arbiter")[0],
        workers: [{ pid: server.pids("dirty worker")[0], apps: ["app:Echo", "app:Single"], booted: true }],
        worker_count: 1,
        apps: ["app:Echo", "app:Single"],
      });
      expect(await result(MSG.MANAGE, { op: 1, count: 1 })).toMatchObject({ spawned: 1, target_workers: 2 });
      await eventually("there are two", () => server.pids("dirty worker").length === 2);
      expect(await result(MSG.MANAGE, { op: 2, count: 2 })).toMatchObject({
        removed: 0,
        target_workers: 2,
        reason: expect.any(String),
      });
      expect(await result(MSG.MANAGE, { op: 2, count: 1 })).toMatchObject({ removed: 1, target_workers: 1 });
      await eventually("there is one", () => server.pids("dirty worker").length === 1);
    } finally {
      client.destroy();
    }
  });
});

describe("shutdown", () => {
  test("lets requests in progress finish", async () => {
    const server = await start();
    const running = await stream(server.target, "Single.ticks", [100_000, 20, "running"]);
    expect((await ctl(server, "shutdown")).out).toBe("The server stops; requests in progress may finish.\n");
    expect(await ctlJson(server, "show", "stats")).toMatchObject({ state: "stopping" });
    expect(await ctl(server, "worker", "add")).toMatchObject({
      code: 1,
      error: "tsunicorn ctl: The server is stopping.\n",
    });
    expect(running.endedAt).toBeUndefined();
    writeFileSync(join(server.folder, "enough running"), "");
    await running.ended();
    expect(running.text).toMatch(/^0 (\d+ )*done$/);
    expect(await server.exited()).toEqual({ code: 0, signal: null });
  });

  test("quick does not, also while a graceful one waits", async () => {
    const server = await start();
    const endless = await stream(server.target, "Echo.ticks", [100_000, 50]);
    await ctl(server, "shutdown", "graceful");
    expect((await ctl(server, "shutdown", "quick")).out).toBe("The server stops at once.\n");
    await endless.ended();
    expect(endless.complete).toBe(false);
    expect(await server.exited()).toEqual({ code: 0, signal: null });
  });
});

test("two servers of one user: each is reached by its process id", async () => {
  const one = await start(["--name", "one"]);
  const two = await start(["--name", "two"], { env: { TMPDIR: temporaryOf(one) } });
  const { code, error } = await ctl(one, "ping");
  expect(code).toBe(2);
  expect(error).toContain("2 servers are running; choose with --pid PID");
  expect((await ctl(one, "--pid", String(two.pid), "ping")).out).toMatch(/^two, process \d+: running/);
  expect((await ctl(one, "--pid", String(one.pid), "ping")).out).toMatch(/^one, process \d+: running/);
  await two.stop();
  expect((await ctl(one, "ping")).out).toMatch(/^one, /);
});

test("the socket is its owner's alone, and goes with the server, also where the setting puts it", async () => {
  const server = await start(["--control-socket", "ctl.sock"]);
  const path = join(server.folder, "ctl.sock");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(socketOf(server))).mode & 0o777).toBe(0o700);
  for (const args of [["--socket", path], ["--pid", String(server.pid)], []])
    expect((await ctl(server, ...args, "ping")).out).toMatch(/^main, process \d+/);
  await server.stop();
  expect(readdirSync(server.folder)).not.toContain("ctl.sock");
  expect(await command(["ctl", "--socket", path, "ping"], {})).toMatchObject({
    code: 2,
    error: `tsunicorn ctl: There is no control socket at ${path}.\n`,
  });
});

test("a server whose arbiter is killed leaves no control socket behind", async () => {
  const server = await start(["--control-socket", "ctl.sock", "--graceful-timeout", "1"]);
  server.signal("SIGKILL");
  await eventually("it is gone", () => !readdirSync(server.folder).includes("ctl.sock"));
});

test("garbage, endless lines and a hundred silent connections on the control socket do no harm", async () => {
  const server = await start();
  const path = socketOf(server);
  const sockets: Socket[] = [];
  const open = (): Socket => {
    const socket = connect(path).on("error", () => {});
    sockets.push(socket);
    return socket;
  };
  try {
    open().write("GET / HTTP/1.1\r\n\r\n");
    open().write(Buffer.alloc(1_000_000, 0x61));
    open().write('{"command":["shutdown"');
    for (let n = 0; n < 100; n++) open();
    const running = await stream(server.target, "Echo.ticks", [10, 20]);
    await running.ended();
    expect(running.text).toMatch(/9 done$/);
    expect((await ctl(server, "ping")).code).toBe(0);
    expect(await ctlJson(server, "show", "stats")).toMatchObject({ state: "running", restarts: [] });
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
