/** Starting, scaling and stopping a server by signals, as its user sees them. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { call, type EchoServer, echoServers, enqueue, events, stream } from "./echo-app.ts";
import { freePort } from "./free-port.ts";
import { eventually, isAlive } from "./harness.ts";
import { ask, open, RawConnection, type Target } from "./http-tools.ts";

const start = echoServers();

/** What went wrong, as the log has it. */
function troubles(server: EchoServer): string[] {
  return server
    .log()
    .split("\n")
    .filter((line) => /"level":"(warn|error|fatal)"/.test(line) || (line !== "" && !line.startsWith("{")));
}

async function refusesConnections(target: Target): Promise<void> {
  await eventually("new connections are refused", async () => {
    const connection = await RawConnection.to(target).catch(() => undefined);
    connection?.leave();
    return connection === undefined;
  });
}

function fullTitle(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", "").trim();
}

test("an idle server: titles, private sockets, and a stop at once that closes the apps, whatever connections ask for nothing", async () => {
  const server = await start(["--workers", "2", "--name", "shop"]);
  const titles = (title: string) => server.pids(title).map((pid) => fullTitle(pid));
  expect(titles("arbiter")).toEqual(["tsunicorn: arbiter [shop]"]);
  expect(titles("http worker")).toEqual(["tsunicorn: http worker", "tsunicorn: http worker"]);
  expect(titles("dirty arbiter")).toEqual(["tsunicorn: dirty arbiter"]);
  expect(titles("dirty worker")).toEqual(["tsunicorn: dirty worker [Echo Single]"]);

  const { body: path } = await ask(server.target, "/socket");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  for (const kind of ["http worker", "dirty arbiter", "dirty worker"]) {
    for (const pid of server.pids(kind)) {
      expect(readFileSync(`/proc/${pid}/environ`, "utf8")).toContain(`TSUNICORN_DIRTY_SOCKET=${path}\0`);
    }
  }

  const agent = new Agent({ keepAlive: true });
  await ask(server.target, "/pid", { agent });
  const silent = await RawConnection.to(server.target);
  server.signal("SIGTERM");
  expect(await server.exited()).toEqual({ code: 0, signal: null });
  await silent.closed();
  agent.destroy();
  const closed = events(server.folder).filter(({ what }) => what === "close");
  expect(closed.map(({ label }) => label).sort()).toEqual(["Echo", "Single"]);
  expect(troubles(server)).toEqual([]);
});

/** Starts a server with socket files of its user's choice, which its address is one of. */
async function withSockets(): Promise<{ server: EchoServer; target: Target; socketsLeft(): string[] }> {
  const port = await freePort();
  const binds = ["unix:web.sock", `127.0.0.1:${port}`].flatMap((bind) => ["--bind", bind]);
  const server = await start([...binds, "--dirty-bind", "dirty.sock"]);
  const files = ["web.sock", "dirty.sock"].map((name) => join(server.folder, name));
  const socketsLeft = (): string[] => files.filter((file) => existsSync(file));
  expect(socketsLeft()).toEqual(files);
  expect((await ask({ socketPath: files[0] ?? "" }, "/pid")).status).toBe(200);
  return { server, target: { port }, socketsLeft };
}

describe("SIGTERM", () => {
  test("what is in progress finishes, and can still call a dirty app; new connections are refused; a second one changes nothing", async () => {
    const { server, target, socketsLeft } = await withSockets();
    const agent = new Agent({ keepAlive: true });
    const running = await stream(target, "Single.ticks", [100_000, 20, "running"]);
    const queued = await enqueue(target, "Single.ticks", [3, 10, "queued"]);
    // HTTP workers drain before the dirty side stops.
    const late = await open(target, "/late/Echo/pid");
    const kept = ask(target, "/held/kept", { agent });
    // Behind it: then it has arrived.
    await call(target, "Echo.count");
    const [worker] = server.pids("dirty worker");
    server.signal("SIGTERM");
    await refusesConnections(target);
    server.signal("SIGTERM");
    expect(running.endedAt).toBeUndefined();
    for (const label of ["running", "late", "kept"])
      writeFileSync(join(server.folder, `enough ${label}`), "");
    await running.ended();
    expect(running.text).toMatch(/^0 (\d+ )*done$/);
    await queued.ended();
    expect(queued.text).toBe("0 1 2 done");
    await late.ended();
    expect(late.text).toBe(JSON.stringify({ result: worker }));
    // It is told to close with its last answer.
    const { body, complete, headers } = await kept;
    expect({ body, complete, connection: headers.connection }).toEqual({
      ...{ body: "held", complete: true, connection: "close" },
    });
    agent.destroy();
    expect(await server.exited()).toEqual({ code: 0, signal: null });
    const ends = ["http worker", "dirty worker", "dirty arbiter"].map((kind) =>
      server.log().search(new RegExp(`${kind} \\d+ has stopped`)),
    );
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
    expect(ends).not.toContain(-1);
    expect(troubles(server)).toEqual([]);
    expect(socketsLeft()).toEqual([]);
  });

  test("a stream without end is cut once the graceful timeout has run out", async () => {
    const server = await start(["--graceful-timeout", "1"]);
    const endless = await stream(server.target, "Echo.ticks", [100_000, 50, "endless"]);
    const began = Date.now();
    server.signal("SIGTERM");
    await endless.ended();
    // However slow the machine is, it is not cut before.
    expect(endless.endedAt).toBeGreaterThanOrEqual(began + 900);
    expect(endless.complete).toBe(false);
    expect(await server.exited()).toEqual({ code: 0, signal: null });
  });

  test("while the workers still load, it ends the start", async () => {
    const server = await start(["--log-level", "debug"], {
      until: /http worker \d+ started/,
      files: {
        "main.mjs": "await new Promise((resolve) => setTimeout(resolve, 60_000)); export default () => {};",
        "app.mjs":
          'import { DirtyApp } from "tsunicorn"; export class Echo extends DirtyApp { async init() { await new Promise((resolve) => setTimeout(resolve, 60_000)); } } export class Single extends DirtyApp {}',
      },
    });
    await eventually("the dirty worker begins", () => server.pids("dirty worker").length === 1);
    server.signal("SIGTERM");
    expect(await server.exited()).toEqual({ code: 0, signal: null });
  });
});

describe.each(["SIGINT", "SIGQUIT"] as const)("%s", (signal) => {
  test("ends the server quickly, streams and waiting requests with it, and removes the socket files", async () => {
    const { server, target, socketsLeft } = await withSockets();
    const endless = await stream(target, "Single.ticks", [100_000, 50, "endless"]);
    const queued = await enqueue(target, "Single.ticks", [1, 10, "queued"]);
    server.signal(signal);
    expect(await server.exited()).toEqual({ code: 0, signal: null });
    await endless.ended();
    expect(endless.complete).toBe(false);
    await queued.ended();
    expect(queued.complete).toBe(false);
    expect(events(server.folder).map(({ what, label }) => `${what} ${label}`)).toContain("cancelled endless");
    expect(socketsLeft()).toEqual([]);
  });
});

test("a second SIGINT, more than half a second later, ends at once what the first could not; the socket files go", async () => {
  const { server, target, socketsLeft } = await withSockets();
  const spinning = call(target, "Echo.spin", 30_000).catch(() => {});
  await eventually("the app spins", () => events(server.folder).some(({ what }) => what === "spins"));
  server.signal("SIGINT");
  await server.logged("stopping at once");
  const later = Date.now() + 550;
  await eventually("half a second is over", () => Date.now() > later);
  server.signal("SIGINT");
  expect(await server.exited()).toEqual({ code: 0, signal: null });
  // The first one alone would wait for three seconds before it kills, and say so.
  expect(server.log()).toContain("stopping by force");
  expect(server.log()).not.toContain(" is killed: ");
  await spinning;
  expect(socketsLeft()).toEqual([]);
});

test("SIGINT after SIGTERM ends what was draining", async () => {
  const server = await start();
  const endless = await stream(server.target, "Echo.ticks", [100_000, 50]);
  server.signal("SIGTERM");
  await refusesConnections(server.target);
  server.signal("SIGINT");
  expect(await server.exited()).toEqual({ code: 0, signal: null });
  await endless.ended();
});

test("Ctrl-C, which the terminal sends to the whole process group and npm passes on, is one orderly stop", async () => {
  const server = await start([], { ownGroup: true });
  const running = await stream(server.target, "Echo.ticks", [4, 50, "running"]);
  process.kill(-server.pid, "SIGINT");
  await server.logged("stopping at once");
  server.signal("SIGINT");
  // A quick stop is quick, but what ends within its second still ends well.
  await running.ended();
  expect(running.text).toBe("0 1 2 3 done");
  expect(await server.exited()).toEqual({ code: 0, signal: null });
  expect(troubles(server)).toEqual([]);
  expect(server.log().match(/stopping at once/g)).toHaveLength(1);
  const closed = events(server.folder).filter(({ what }) => what === "close");
  expect(closed).toHaveLength(2);
});

test("SIGTTIN adds an HTTP worker and SIGTTOU takes one away, which finishes its streams; one always stays", async () => {
  const server = await start();
  const [first = 0] = server.pids("http worker");
  const running = await stream(server.target, "Echo.ticks", [100_000, 20, "running"]);
  server.signal("SIGTTIN");
  await server.logged("2 HTTP workers from now on");
  await eventually("there are two", () => server.log().match(/http worker \d+ is ready/g)?.length === 2);
  server.signal("SIGTTOU");
  await server.logged("1 HTTP workers from now on");
  expect(isAlive(first)).toBe(true);
  // The one that drains takes nothing new: the other does, at once.
  await eventually(
    "the new one serves",
    async () => Number((await ask(server.target, "/pid")).body) !== first,
  );
  expect(running.endedAt).toBeUndefined();
  writeFileSync(join(server.folder, "enough running"), "");
  await running.ended();
  expect(running.text).toMatch(/^0 (\d+ )*done$/);
  await eventually("the old one has ended", () => !isAlive(first));
  server.signal("SIGTTOU");
  await eventually("it was heard", () => server.log().match(/1 HTTP workers from now on/g)?.length === 2);
  expect((await ask(server.target, "/pid")).status).toBe(200);
  expect(server.pids("http worker")).toHaveLength(1);
  expect(troubles(server)).toEqual([]);
});

test("a server that was suspended and goes on, as with a laptop's lid, keeps its HTTP workers", async () => {
  const server = await start(["--timeout", "2"]);
  const before = server.pids("http worker");
  server.signal("SIGSTOP");
  const until = Date.now() + 3000;
  await eventually("longer than the timeout", () => Date.now() > until);
  server.signal("SIGCONT");
  // Heard and looked at again: the new worker's start comes after that.
  server.signal("SIGTTIN");
  await eventually("there are two", () => server.log().match(/http worker \d+ is ready/g)?.length === 2);
  expect(server.pids("http worker")).toEqual(expect.arrayContaining(before));
  expect(troubles(server)).toEqual([]);
});
