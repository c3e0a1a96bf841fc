/** Each process dies alone: what its death does, and what it does not. The table of the design, row by row. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
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

describe("an HTTP worker is killed", () => {
  test("its runs are cancelled at once, another takes its place, and the others notice nothing", async () => {
    const server = await start(["--workers", "2"]);
    const [doomed = 0, other = 0] = server.pids("http worker");
    const [dirtyArbiter, dirtyWorker] = [server.pids("dirty arbiter"), server.pids("dirty worker")];
    const lost = await streamThrough(server, doomed, [100_000, 20, "lost"]);
    const kept = await streamThrough(server, other, [100, 20, "kept"]);
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
    await kept.ended();
    expect(kept.text).toMatch(/^0 1 2 .* 98 99 done$/);
    expect(server.pids("dirty arbiter")).toEqual(dirtyArbiter);
    expect(server.pids("dirty worker")).toEqual(dirtyWorker);
    await server.logged(/"http worker \d+ failed: it ended with signal SIGKILL/);
  });

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

describe("an HTTP worker stands still", () => {
  test("stopped (SIGSTOP), it is replaced after the timeout, and its runs are cancelled", async () => {
    const server = await start(["--timeout", "1"]);
    const [stopped = 0] = server.pids("http worker");
    const lost = await stream(server.target, "Echo.ticks", [100_000, 20, "lost"]);
    const stoppedAt = Date.now();
    process.kill(stopped, "SIGSTOP");
    await server.logged(`http worker ${stopped} was silent for 1 s and is replaced`);
    expect(Date.now() - stoppedAt).toBeGreaterThanOrEqual(700);
    await lost.ended();
    await eventually("the run is cancelled", () =>
      events(server.folder).some(({ what, label }) => what === "cancelled" && label === "lost"),
    );
    expect(Number((await ask(server.target, "/pid")).body)).not.toBe(stopped);
  });

  test("stopped while it drains, it is ended after the timeout, so that its clients need not wait", async () => {
    const server = await start(["--timeout", "1", "--workers", "2", "--graceful-timeout", "60"]);
    const held = await stream(server.target, "Echo.ticks", [100_000, 20, "held"]);
    const serving = Number(held.headers["x-pid"]);
    process.kill(serving, "SIGTERM");
    process.kill(serving, "SIGSTOP");
    await server.logged(`http worker ${serving} was silent for 1 s and is replaced`);
    await held.ended();
    await eventually("there are two", () => server.pids("http worker").filter(isAlive).length === 2);
  });

  test("blocked by its app, it is replaced after the timeout; one that answers is not", async () => {
    const server = await start(["--timeout", "1.5", "--workers", "2"]);
    const spinning = open(server.target, "/spin/30000").catch(() => undefined);
    const before = server.pids("http worker");
    await server.logged(/http worker \d+ was silent for 1\.5 s and is replaced/);
    await spinning;
    await eventually(
      "there are two again",
      () => server.log().match(/http worker \d+ is ready/g)?.length === 3,
    );
    const survivors = server.pids("http worker").filter((pid) => before.includes(pid));
    expect(survivors).toHaveLength(1);
    expect(server.log().match(/was silent/g)).toHaveLength(1);
  });
});

test("an exception that nobody catches replaces the HTTP worker and says so in the log", async () => {
  const server = await start();
  const answer = await ask(server.target, "/throw").catch((error: Error) => error);
  expect(answer).toBeInstanceOf(Error);
  await server.logged("nobody catches this");
  expect((await ask(server.target, "/pid")).status).toBe(200);
});

describe("a dirty worker is killed", () => {
  test("its streams end with an error at once, queued requests are answered by its replacement with the same apps", async () => {
    const server = await start();
    const [doomed = 0] = server.pids("dirty worker");
    const running = await stream(server.target, "Single.ticks", [100_000, 20, "running"]);
    const queued = await queueUp(server, ["first", "second"]);
    process.kill(doomed, "SIGKILL");
    await running.ended();
    const failure = failureIn(running.text);
    expect(failure).toMatchObject({ name: "DirtyWorkerError", code: "DIRTY_WORKER" });
    for (const answer of queued) {
      await answer.ended();
      expect(answer.text).toBe("0 1 done");
    }
    expect(began(server)).toEqual(["running", "first", "second"]);
    await server.logged(/is ready with app:Echo, app:Single[\s\S]*is ready with app:Echo, app:Single/);
    expect(await call(server.target, "Echo.pid")).not.toBe(doomed);
  });

  test("streams of the other dirty worker go on", async () => {
    const server = await start(["--dirty-workers", "2"]);
    const streams = [
      await stream(server.target, "Echo.ticks", [50, 20, "a"]),
      await stream(server.target, "Echo.ticks", [50, 20, "b"]),
    ];
    const started = events(server.folder).filter(({ what }) => what === "began");
    expect(new Set(started.map(({ pid }) => pid)).size).toBe(2);
    process.kill(started.find(({ label }) => label === "a")?.pid ?? 0, "SIGKILL");
    await Promise.all(streams.map((one) => one.ended()));
    expect(failureIn(streams[0]?.text ?? "").code).toBe("DIRTY_WORKER");
    expect(streams[1]?.text).toMatch(/ 48 49 done$/);
  });
});

describe("the dirty arbiter is killed", () => {
  test("running streams go on, models stay loaded, and waiting requests are placed in their old order", async () => {
    const server = await start(["--workers", "2"]);
    const [doomed = 0] = server.pids("dirty arbiter");
    const [worker] = server.pids("dirty worker");
    expect(await call(server.target, "Single.count")).toBe(1);
    const running = await stream(server.target, "Single.ticks", [60, 20, "running"]);
    const labels = ["first", "second", "third", "fourth"];
    const queued = await queueUp(server, labels);
    process.kill(doomed, "SIGKILL");
    await eventually("there is another", () => server.pids("dirty arbiter").some((pid) => pid !== doomed));
    // One that comes now stands behind them all.
    queued.push(...(await queueUp(server, ["late"])));
    await running.ended();
    expect(running.text).toMatch(/^0 1 2 .* 58 59 done$/);
    for (const answer of queued) {
      await answer.ended();
      expect(answer.text).toBe("0 1 done");
    }
    expect(began(server)).toEqual(["running", ...labels, "late"]);
    expect(server.pids("dirty worker")).toEqual([worker]);
    expect(await call(server.target, "Single.count")).toBe(2);
  });

  test("stopped (SIGSTOP), it is replaced after the timeout; streams go on, and what waits is placed", async () => {
    const server = await start(["--timeout", "1"]);
    const [stopped = 0] = server.pids("dirty arbiter");
    const running = await stream(server.target, "Single.ticks", [100, 20, "running"]);
    const queued = await enqueue(server.target, "Single.ticks", [2, 10, "queued"]);
    process.kill(stopped, "SIGSTOP");
    const called = call(server.target, "Echo.count");
    await server.logged(`dirty arbiter ${stopped} was silent for 1 s and is replaced`);
    expect(await called).toBe(1);
    for (const answer of [running, queued]) await answer.ended();
    expect(running.text).toMatch(/^0 1 2 .* 98 99 done$/);
    expect(queued.text).toBe("0 1 done");
  });

  test("calls that come while it starts again wait for it and are answered", async () => {
    const server = await start();
    const [doomed = 0] = server.pids("dirty arbiter");
    process.kill(doomed, "SIGKILL");
    const results = await Promise.all([1, 2, 3].map(() => call(server.target, "Echo.count")));
    expect(results).toEqual([1, 2, 3]);
  });
});

describe("the arbiter is killed", () => {
  test("streams in progress finish, then everything is gone: processes, sockets and folders", async () => {
    const server = await start(["--bind", "unix:web.sock"]);
    const web = join(server.folder, "web.sock");
    const target = { socketPath: web };
    const folder = dirname((await ask(target, "/socket")).body);
    const running = await stream(target, "Echo.ticks", [50, 20, "running"]);
    const others = ["http worker", "dirty arbiter", "dirty worker"].flatMap((kind) => server.pids(kind));
    expect(others).toHaveLength(3);
    server.signal("SIGKILL");
    await server.exited();
    await running.ended();
    expect(running.text).toMatch(/ 48 49 done$/);
    await eventually("every process has ended", () => others.every((pid) => !isAlive(pid)));
    expect(existsSync(web)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  test("an idle server ends at once", async () => {
    const server = await start();
    server.signal("SIGKILL");
    // A child that waited for something would take all of the graceful timeout, which is longer.
    await eventually("every process has ended", () => server.pids("").length === 0);
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
    const running = await stream(target, "Echo.ticks", [60, 50, "running"]);
    first.signal("SIGKILL");
    await eventually("its HTTP worker has let go of the socket", () =>
      RawConnection.to(target).then(
        (connection) => connection.leave(),
        () => true,
      ),
    );
    const second = await startServer({ args: ["main.mjs", "--bind", "unix:web.sock"], cwd: first.folder });
    try {
      await running.ended();
      expect(running.text).toMatch(/ 58 59 done$/);
      await eventually("the first is gone", () => first.pids("").length === 0);
      expect(readdirSync(first.folder)).toContain("web.sock");
      expect((await ask(target, "/pid")).status).toBe(200);
    } finally {
      await second.stop();
    }
  });
});
