/** Each process dies alone: what its death does, and what it does not. The table of the design, row by row. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  call,
  ECHO_FILES,
  type EchoServer,
  echoServers,
  enqueue,
  events,
  failureIn,
  stream,
} from "./echo-app.ts";
import { eventually, isAlive, startServer } from "./harness.ts";
import { ask, open, RawConnection, type Stream, type Target } from "./http-tools.ts";

const start = echoServers();
const startForAll = echoServers(afterAll);

/** A stream that a certain HTTP worker serves. */
async function streamThrough(server: EchoServer, worker: number, args: unknown[]): Promise<Stream> {
  return eventually(`HTTP worker ${worker} serves a stream`, async () => {
    const opened = await stream(server.target, "Echo.ticks", args);
    if (opened.headers["x-pid"] === String(worker)) return opened;
    opened.leave();
    return undefined;
  });
}

/** Connects and asks, over and over, until it is told to stop. */
function hammer(target: Target): { stop(): Promise<{ answered: number; refused: string[] }> } {
  let stopped = false;
  let answered = 0;
  const refused: string[] = [];
  const running = (async () => {
    while (!stopped) {
      const connection = await RawConnection.to(target).catch((error: NodeJS.ErrnoException) => {
        refused.push(error.code ?? error.message);
      });
      if (connection) {
        connection.send("GET /pid HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        await connection.closed().catch(() => {});
        if (connection.text.startsWith("HTTP/1.1 200")) answered++;
        connection.leave();
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await running;
      return { answered, refused };
    },
  };
}

/** Starts requests one after the other, each only when the one before it waits in the queue. */
async function queueUp(server: EchoServer, labels: string[]): Promise<Stream[]> {
  const streams: Stream[] = [];
  for (const label of labels) streams.push(await enqueue(server.target, "Single.ticks", [2, 10, label]));
  return streams;
}

const began = (server: EchoServer) =>
  events(server.folder)
    .filter(({ what }) => what === "began")
    .map(({ label }) => label);

/** Has a stream of ticks come to its good end. */
function finish(server: EchoServer, label: string): void {
  writeFileSync(join(server.folder, `enough ${label}`), "");
}

/** A stream of ticks that nothing is missing from. */
function expectWhole({ text }: Stream): void {
  const ticks = text.split(" ").length - 1;
  expect(text).toBe(`${Array.from({ length: ticks }, (_, i) => i).join(" ")} done`);
}

/** One server, whose processes are killed one after the other. */
describe("it is killed", () => {
  let server: EchoServer;

  beforeAll(async () => {
    server = await startForAll(["--workers", "2"]);
  });

  test("an HTTP worker: its runs are cancelled at once, another takes its place, and the others notice nothing", async () => {
    const [doomed = 0, other = 0] = server.pids("http worker");
    const [dirtyArbiter, dirtyWorker] = [server.pids("dirty arbiter"), server.pids("dirty worker")];
    const lost = await streamThrough(server, doomed, [100_000, 20, "lost"]);
    const kept = await streamThrough(server, other, [100_000, 20, "kept"]);
    const killedAt = Date.now();
    process.kill(doomed, "SIGKILL");
    await lost.ended();
    expect(lost.complete).toBe(false);
    await eventually("the run is cancelled", () =>
      events(server.folder).find(
        ({ what, at, label }) => what === "cancelled" && at >= killedAt && label === "lost",
      ),
    );
    await eventually("there are two again", () => server.pids("http worker").length === 2);
    finish(server, "kept");
    await kept.ended();
    expectWhole(kept);
    expect(server.pids("dirty arbiter")).toEqual(dirtyArbiter);
    expect(server.pids("dirty worker")).toEqual(dirtyWorker);
    await server.logged(/"http worker \d+ failed: it ended with signal SIGKILL/);
  });

  test("an HTTP worker, by an uncaught exception: the log says so, and another takes its place", async () => {
    const answer = await ask(server.target, "/throw").catch((error: Error) => error);
    expect(answer).toBeInstanceOf(Error);
    await server.logged("never caught");
    expect((await ask(server.target, "/pid")).status).toBe(200);
  });

  test("the dirty arbiter: running streams go on, models stay loaded, and waiting requests are placed in their old order", async () => {
    const [doomed = 0] = server.pids("dirty arbiter");
    const [worker] = server.pids("dirty worker");
    const before = began(server).length;
    expect(await call(server.target, "Single.count")).toBe(1);
    const running = await stream(server.target, "Single.ticks", [100_000, 20, "running"]);
    const labels = ["first", "second", "third", "fourth"];
    const queued = await queueUp(server, labels);
    process.kill(doomed, "SIGKILL");
    await eventually("there is another", () => server.pids("dirty arbiter").some((pid) => pid !== doomed));
    // One that comes now stands behind them all.
    queued.push(...(await queueUp(server, ["late"])));
    finish(server, "running");
    await running.ended();
    expectWhole(running);
    for (const answer of queued) {
      await answer.ended();
      expect(answer.text).toBe("0 1 done");
    }
    expect(began(server).slice(before)).toEqual(["running", ...labels, "late"]);
    expect(server.pids("dirty worker")).toEqual([worker]);
    expect(await call(server.target, "Single.count")).toBe(2);
  });

  test("the dirty arbiter: calls that come while it starts again wait for it and are answered", async () => {
    const [doomed = 0] = server.pids("dirty arbiter");
    process.kill(doomed, "SIGKILL");
    const results = await Promise.all([1, 2, 3].map(() => call(server.target, "Echo.count")));
    // Two HTTP workers asked.
    expect(results.sort()).toEqual([1, 2, 3]);
  });

  test("a dirty worker: its streams end with an error at once, queued requests are answered by its replacement with the same apps", async () => {
    const said = server.fromNow();
    const [doomed = 0] = server.pids("dirty worker");
    const before = began(server).length;
    const running = await stream(server.target, "Single.ticks", [100_000, 20, "doomed"]);
    const queued = await queueUp(server, ["fifth", "sixth"]);
    process.kill(doomed, "SIGKILL");
    await running.ended();
    const failure = failureIn(running.text);
    expect(failure).toMatchObject({ name: "DirtyWorkerError", code: "DIRTY_WORKER" });
    for (const answer of queued) {
      await answer.ended();
      expect(answer.text).toBe("0 1 done");
    }
    expect(began(server).slice(before)).toEqual(["doomed", "fifth", "sixth"]);
    await said.logged(/is ready with app:Echo, app:Single/);
    expect(await call(server.target, "Echo.pid")).not.toBe(doomed);
  });

  test("one of two dirty workers: streams of the other one go on", async () => {
    const said = server.fromNow();
    process.kill(server.pids("dirty arbiter")[0] ?? 0, "SIGTTIN");
    await said.logged(/is ready with app:Echo, app:Single/);
    const before = events(server.folder).length;
    const streams = [
      await stream(server.target, "Echo.ticks", [100_000, 20, "a"]),
      await stream(server.target, "Echo.ticks", [100_000, 20, "b"]),
    ] as const;
    const started = events(server.folder)
      .slice(before)
      .filter(({ what }) => what === "began");
    expect(new Set(started.map(({ pid }) => pid)).size).toBe(2);
    process.kill(started.find(({ label }) => label === "a")?.pid ?? 0, "SIGKILL");
    await streams[0].ended();
    expect(failureIn(streams[0].text).code).toBe("DIRTY_WORKER");
    finish(server, "b");
    await streams[1].ended();
    expectWhole(streams[1]);
  });

  // The last one: it ends the server.
  test("the arbiter of an idle server: all ends at once", async () => {
    server.signal("SIGKILL");
    // A child that waited for something would take all of the graceful timeout, which is longer.
    await eventually("every process has ended", () => server.pids("").length === 0);
  });
});

describe("the only HTTP worker is killed", () => {
  test("no connection is refused while the only one starts again: it waits and is answered", async () => {
    const server = await start();
    const [doomed = 0] = server.pids("http worker");
    const hammers = Array.from({ length: 4 }, () => hammer(server.target));
    process.kill(doomed, "SIGKILL");
    await eventually("it is gone", () => !isAlive(doomed));
    const { body } = await ask(server.target, "/pid");
    expect(Number(body)).not.toBe(doomed);
    const results = await Promise.all(hammers.map((one) => one.stop()));
    expect(results.flatMap(({ refused }) => refused)).toEqual([]);
    for (const { answered } of results) expect(answered).toBeGreaterThan(0);
  });
});

describe("one that stands still is replaced after the timeout", () => {
  let server: EchoServer;

  beforeAll(async () => {
    server = await startForAll(["--timeout", "1.5", "--workers", "2", "--graceful-timeout", "60"]);
  });

  const two = () =>
    eventually("there are two", () => server.pids("http worker").filter(isAlive).length === 2);

  test("stopped (SIGSTOP), it is replaced after the timeout, and its runs are cancelled", async () => {
    const lost = await stream(server.target, "Echo.ticks", [100_000, 20, "lost"]);
    const stopped = Number(lost.headers["x-pid"]);
    const stoppedAt = Date.now();
    process.kill(stopped, "SIGSTOP");
    await server.logged(`http worker ${stopped} was silent for 1.5 s and is replaced`);
    expect(Date.now() - stoppedAt).toBeGreaterThanOrEqual(1000);
    await lost.ended();
    await eventually("the run is cancelled", () =>
      events(server.folder).some(({ what, label }) => what === "cancelled" && label === "lost"),
    );
    await two();
    expect(server.pids("http worker")).not.toContain(stopped);
  });

  test("stopped while it drains, it is ended after the timeout, so that its clients need not wait", async () => {
    const held = await stream(server.target, "Echo.ticks", [100_000, 20, "held"]);
    const serving = Number(held.headers["x-pid"]);
    process.kill(serving, "SIGTERM");
    process.kill(serving, "SIGSTOP");
    await server.logged(`http worker ${serving} was silent for 1.5 s and is replaced`);
    await held.ended();
    await two();
  });

  test("blocked by its app, it is replaced after the timeout; one that answers is not", async () => {
    const said = server.fromNow();
    const before = server.pids("http worker");
    const spinning = open(server.target, "/spin/30000").catch(() => undefined);
    await said.logged(/http worker \d+ was silent for 1\.5 s and is replaced/);
    await spinning;
    await said.logged(/http worker \d+ is ready/);
    await two();
    const survivors = server.pids("http worker").filter((pid) => before.includes(pid));
    expect(survivors).toHaveLength(1);
    expect(said.log().match(/was silent/g)).toHaveLength(1);
  });
  test("a dirty arbiter, stopped, is replaced after the timeout; streams go on, and what waits is placed", async () => {
    const [stopped = 0] = server.pids("dirty arbiter");
    const running = await stream(server.target, "Single.ticks", [100_000, 20, "running"]);
    const queued = await enqueue(server.target, "Single.ticks", [2, 10, "queued"]);
    process.kill(stopped, "SIGSTOP");
    const called = call(server.target, "Echo.count");
    await server.logged(`dirty arbiter ${stopped} was silent for 1.5 s and is replaced`);
    expect(await called).toBe(1);
    finish(server, "running");
    for (const answer of [running, queued]) await answer.ended();
    expectWhole(running);
    expect(queued.text).toBe("0 1 done");
  });
});

describe("the arbiter is killed", () => {
  test("streams in progress finish, then everything is gone: processes, sockets and folders", async () => {
    const server = await start(["--bind", "unix:web.sock"]);
    const web = join(server.folder, "web.sock");
    const target = { socketPath: web };
    const folder = dirname((await ask(target, "/socket")).body);
    const running = await stream(target, "Echo.ticks", [100_000, 20, "running"]);
    const others = ["http worker", "dirty arbiter", "dirty worker"].flatMap((kind) => server.pids(kind));
    expect(others).toHaveLength(3);
    server.signal("SIGKILL");
    await server.exited();
    finish(server, "running");
    await running.ended();
    expectWhole(running);
    await eventually("every process has ended", () => others.every((pid) => !isAlive(pid)));
    expect(existsSync(web)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  test("a child that spins in a loop or is stopped is killed when the graceful timeout has run out", async () => {
    const server = await start(
      ["--graceful-timeout", "1", "--dirty-graceful-timeout", "1", "--workers", "2"],
      {},
    );
    const [stopped = 0] = server.pids("http worker");
    const spinning = eventually("the app spins", async () => {
      void call(server.target, "Echo.spin", 60_000).catch(() => {});
      await eventually("it began", () => events(server.folder).some(({ what }) => what === "spins"));
      return true;
    });
    await spinning;
    process.kill(stopped, "SIGSTOP");
    const killedAt = Date.now();
    server.signal("SIGKILL");
    await eventually("every process has ended", () => server.pids("").length === 0);
    expect(Date.now() - killedAt).toBeGreaterThanOrEqual(900);
  });

  test("children that spin while they load are killed when the graceful timeout has run out", async () => {
    const { "app.mjs": app, "main.mjs": main } = ECHO_FILES;
    const spin = (label: string) =>
      `import * as fs from "node:fs"; if (fs.existsSync("spin")) { fs.appendFileSync("spins.log", "${label}\\n"); for (;;); }\n`;
    const server = await start(["--graceful-timeout", "1", "--dirty-graceful-timeout", "1"], {
      files: { "main.mjs": spin("http") + main, "app.mjs": spin("dirty") + app },
    });
    writeFileSync(join(server.folder, "spin"), "");
    for (const kind of ["http worker", "dirty worker"]) {
      for (const pid of server.pids(kind)) process.kill(pid, "SIGKILL");
    }
    const spins = join(server.folder, "spins.log");
    await eventually(
      "their replacements spin",
      () => existsSync(spins) && readFileSync(spins, "utf8").trim().split("\n").length === 2,
    );
    const killedAt = Date.now();
    server.signal("SIGKILL");
    await eventually("every process has ended", () => server.pids("").length === 0);
    expect(Date.now() - killedAt).toBeGreaterThanOrEqual(900);
  });

  test("its successor on the same unix socket, started at once, keeps it", async () => {
    const first = await start(["--bind", "unix:web.sock"]);
    const target = { socketPath: join(first.folder, "web.sock") };
    const running = await stream(target, "Echo.ticks", [100_000, 20, "running"]);
    first.signal("SIGKILL");
    await eventually("its HTTP worker has let go of the socket", () =>
      RawConnection.to(target).then(
        (connection) => connection.leave(),
        () => true,
      ),
    );
    const second = await startServer({ args: ["main.mjs", "--bind", "unix:web.sock"], cwd: first.folder });
    try {
      finish(first, "running");
      await running.ended();
      expectWhole(running);
      await eventually("the first is gone", () => first.pids("").length === 0);
      expect(readdirSync(first.folder)).toContain("web.sock");
      expect((await ask(target, "/pid")).status).toBe(200);
    } finally {
      await second.stop();
    }
  });
});
