/** The server as a service: under a service manager that holds its sockets, with a pidfile and a log file. */
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ListeningSocket } from "../../src/arbiter/listening-socket.ts";
import { type EchoOptions, type EchoServer, echoServers } from "./echo-app.ts";
import { eventually, isAlive, removeFolder, temporaryFolder } from "./harness.ts";
import { ask, type Target } from "./http-tools.ts";
import { listenAsManager } from "./inheritance.ts";
import { NO_NOTIFY, ServiceManager } from "./service-manager.ts";

const start = echoServers();

/** What went wrong, as the log has it. */
function warnings(server: EchoServer): string[] {
  return server
    .log()
    .split("\n")
    .filter((line) => line.includes('"level":"warn"'));
}

/** What every child finds in its environment. */
function environments(server: EchoServer): string[] {
  return ["http worker", "dirty arbiter", "dirty worker"].flatMap((kind) =>
    server.pids(kind).map((pid) => readFileSync(`/proc/${pid}/environ`, "latin1")),
  );
}

describe("with sockets of a service manager", () => {
  let folder: string;
  let path: string;
  let sockets: ListeningSocket[];
  let tcp: Target;
  let unix: Target;

  beforeEach(async () => {
    folder = temporaryFolder();
    path = join(folder, "web.sock");
    sockets = await listenAsManager("127.0.0.1:0", `unix:${path}`);
    tcp = { port: Number(sockets[0]?.address.split(":")[1]) };
    unix = { socketPath: path };
  });

  afterEach(() => {
    for (const socket of sockets) socket.close();
    removeFolder(folder);
  });

  const startOnThem = (more: string[] = []) => start(more, { inherits: sockets.map((socket) => socket.fd) });

  /** Clients that ask one thing after the other, each on a new connection, and note what is not answered. */
  function hammer(): { answered(): number; stop(): Promise<string[]> } {
    const troubles: string[] = [];
    let answered = 0;
    let over = false;
    const client = async (target: Target) => {
      while (!over) {
        try {
          const { status, body, complete } = await ask(target, "/wait/20");
          if (status === 200 && body === "waited" && complete) answered++;
          else troubles.push(`${status} ${body}`);
        } catch (error) {
          troubles.push(String(error));
        }
      }
    };
    const clients = [tcp, tcp, tcp, unix, unix, unix].map(client);
    return {
      answered: () => answered,
      stop: async () => {
        over = true;
        await Promise.all(clients);
        return troubles;
      },
    };
  }

  test("it serves on those instead of bind, says so, no child takes them for its own, and a stop leaves the socket's file where it is", async () => {
    const server = await startOnThem();
    expect((await ask(tcp, "/pid")).status).toBe(200);
    expect((await ask(unix, "/pid")).status).toBe(200);
    expect(server.log()).toContain(`inherited instead of bind: ${sockets.map(({ url }) => url).join(", ")}`);
    expect(server.log()).toContain(`listening on ${sockets.map(({ url }) => url).join(", ")}`);
    expect(warnings(server)).toEqual([]);
    const all = environments(server);
    expect(all).toHaveLength(3);
    expect(all.filter((env) => /LISTEN_(PID|FDS)=/.test(env))).toEqual([]);
    const { ino } = statSync(path);
    server.signal("SIGTERM");
    await server.exited();
    expect(statSync(path).ino).toBe(ino);
  });

  test("it warns of an address that was asked for and is not among them", async () => {
    const address = sockets[0]?.address ?? "";
    const server = await startOnThem(["--bind", address, "--bind", "127.0.0.1:9"]);
    expect(warnings(server)).toHaveLength(1);
    expect(warnings(server)[0]).toContain(
      "127.0.0.1:9 (from flag --bind) is not an inherited socket, so the server does not listen there",
    );
  });

  test("a new server takes over after SIGTERM, and every request is answered", async () => {
    const first = await startOnThem();
    const clients = hammer();
    await eventually("requests are answered", () => clients.answered() > 50);
    first.signal("SIGTERM");
    expect(await first.exited()).toEqual({ code: 0, signal: null });
    const between = clients.answered();
    await startOnThem();
    await eventually("the new one answers", () => clients.answered() > between + 50);
    expect(await clients.stop()).toEqual([]);
  });

  test("a new server takes over after kill -9 of the arbiter, and every request is answered", async () => {
    const first = await startOnThem();
    const clients = hammer();
    await eventually("requests are answered", () => clients.answered() > 50);
    const workers = first.pids("http worker");
    first.signal("SIGKILL");
    await first.exited();
    await startOnThem();
    await eventually("the old ones have gone", () => !workers.some(isAlive));
    const between = clients.answered();
    await eventually("the new one answers", () => clients.answered() > between + 50);
    expect(await clients.stop()).toEqual([]);
    await eventually("nothing of the old one is left", () => first.pids("").length === 0);
    expect(existsSync(path)).toBe(true);
  });

  test("something else than a listening socket ends the start with the reason", async () => {
    const fd = openSync(join(folder, "file"), "w");
    const server = await start([], { inherits: [fd], until: "" });
    closeSync(fd);
    expect((await server.exited()).code).toBe(1);
    expect(server.errors()).toBe(
      "tsunicorn: Cannot listen on the inherited socket 3: it is not a stream socket, or not open.\n",
    );
  });
});

test("sockets that are meant for another process are left alone", async () => {
  const server = await start([], { env: { LISTEN_PID: "1", LISTEN_FDS: "2" } });
  expect((await ask(server.target, "/pid")).status).toBe(200);
  expect(server.log()).not.toContain("inherited");
  expect(environments(server).filter((env) => /LISTEN_(PID|FDS)=/.test(env))).toEqual([]);
});

describe("a service manager that waits for news", () => {
  let folder: string;
  let manager: ServiceManager | undefined;

  beforeEach(async ({ skip }) => {
    if (NO_NOTIFY !== undefined) skip(NO_NOTIFY);
    folder = temporaryFolder();
    manager = await ServiceManager.at(join(folder, "notify.sock"));
  });

  afterEach(() => {
    manager?.close();
    manager = undefined;
    removeFolder(folder);
  });

  test("is told when the server serves, that it lives, and that it stops", async () => {
    const NOTIFY_SOCKET = manager?.socket ?? "";
    const server = await start([], { env: { NOTIFY_SOCKET, WATCHDOG_USEC: "400000" } });
    const ready = await manager?.hears(/READY/);
    expect(ready).toBe(`READY=1\nSTATUS=listening on ${server.url}`);
    await manager?.hears(/^WATCHDOG=1$/);
    expect(environments(server).filter((env) => /NOTIFY_SOCKET|WATCHDOG/.test(env))).toEqual([]);
    server.signal("SIGTERM");
    await manager?.hears(/^STOPPING=1\nSTATUS=stopping/);
    expect((await server.exited()).code).toBe(0);
  });

  test("is told nothing of a server that cannot start", async () => {
    const server = await start([], {
      args: ["main.mjs"],
      files: { "main.mjs": "throw new Error('no database here');" },
      env: { NOTIFY_SOCKET: manager?.socket ?? "" },
      until: "",
    });
    expect((await server.exited()).code).toBe(3);
    await manager?.hears(/STOPPING/);
    expect(manager?.messages.filter((message) => message.includes("READY"))).toEqual([]);
  });
});

describe("--pidfile", () => {
  test("holds the arbiter's id while it runs; a second server with the same is refused, and the first goes on", async () => {
    const first = await start(["--pidfile", "server.pid"]);
    const path = join(first.folder, "server.pid");
    expect(readFileSync(path, "utf8")).toBe(`${first.pid}\n`);
    const second = await start(["--pidfile", path], { until: "" });
    expect((await second.exited()).code).toBe(1);
    expect(second.errors()).toBe(
      `tsunicorn: The pidfile ${path} names process ${first.pid}, which is running. Stop that server first; if it is another program, remove the file.\n`,
    );
    expect(readFileSync(path, "utf8")).toBe(`${first.pid}\n`);
    expect((await ask(first.target, "/pid")).status).toBe(200);
    first.signal("SIGTERM");
    await first.exited();
    expect(existsSync(path)).toBe(false);
  });

  test("goes with the last process after kill -9 of the arbiter, and delays no successor", async () => {
    const first = await start(["--pidfile", "server.pid"]);
    const path = join(first.folder, "server.pid");
    first.signal("SIGKILL");
    await first.exited();
    const second = await start(["--pidfile", path]);
    await eventually("nothing of the first is left", () => first.pids("").length === 0);
    expect(readFileSync(path, "utf8")).toBe(`${second.pid}\n`);
    second.signal("SIGKILL");
    await eventually("the file is gone", () => !existsSync(path));
  });

  test("one that cannot be written ends the start with the reason", async () => {
    const server = await start(["--pidfile", "missing/server.pid"], { until: "" });
    expect((await server.exited()).code).toBe(1);
    expect(server.errors()).toBe(
      `tsunicorn: Cannot write the pidfile ${join(server.folder, "missing/server.pid")}: its folder does not exist.\n`,
    );
  });
});

describe("--log-file", () => {
  const lines = (server: EchoServer, name: string) =>
    readFileSync(join(server.folder, name), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line): { role: string; pid: number; msg: string; url?: string } => JSON.parse(line));

  /** Waits for a line in the log file. */
  const written = (server: EchoServer, pattern: RegExp) =>
    eventually(`the log file says ${pattern}`, () =>
      pattern.test(readFileSync(join(server.folder, "server.log"), "utf8")),
    );

  const startWithFile = async (more: string[] = [], options: EchoOptions = {}) => {
    const server = await start(["--log-file", "server.log", ...more], { until: "", ...options });
    await eventually("there is a log file", () => existsSync(join(server.folder, "server.log")));
    await written(server, /listening on/);
    return server;
  };

  test("has the lines of every process; standard output has what the user's code prints", async () => {
    const app = `
      import { DirtyApp, getLogger } from "tsunicorn";
      export class App extends DirtyApp {
        init() { getLogger().info("the model is loaded"); console.log("printed"); }
      }`;
    const server = await startWithFile([], {
      args: ["main.mjs", "--dirty-app", "app.mjs:App", "--log-file", "server.log", "--access-log"],
      files: { "main.mjs": "export default (request, response) => response.end('fine');", "app.mjs": app },
    });
    await ask(server.target, "/greeting");
    server.signal("SIGKILL");
    await eventually("every process has ended", () => server.pids("").length === 0);
    const said = lines(server, "server.log").map(({ role, msg }) => `${role}: ${msg}`);
    for (const line of [
      /^arbiter: listening on/,
      /^http worker: GET \/greeting 200/,
      /^dirty worker: the model is loaded$/,
      /^dirty arbiter: the arbiter is gone/,
    ]) {
      expect(said).toContainEqual(expect.stringMatching(line));
    }
    expect(server.log()).toBe("printed\n");
  });

  test("one that cannot be opened ends the start with the reason", async () => {
    const server = await start(["--log-file", "missing/server.log"], { until: "" });
    expect((await server.exited()).code).toBe(1);
    expect(server.errors()).toBe(
      `tsunicorn: Cannot open the log file ${join(server.folder, "missing/server.log")}: its folder does not exist.\n`,
    );
  });

  test("moved away under load and opened again by SIGUSR1, it loses no line", async () => {
    const server = await startWithFile(["--workers", "2", "--access-log"]);
    let asked = 0;
    let over = false;
    const clients = Array.from({ length: 4 }, async () => {
      while (!over) {
        const answer = await ask(server.target, `/pid?n=${asked++}`);
        expect(answer.status).toBe(200);
      }
    });
    const rotations = ["first.log", "second.log"];
    for (const name of rotations) {
      const before = asked;
      await eventually("requests are made", () => asked > before + 100);
      renameSync(join(server.folder, "server.log"), join(server.folder, name));
      server.signal("SIGUSR1");
      await eventually("there is a new file", () => existsSync(join(server.folder, "server.log")));
      await written(server, /the log file is opened again/);
      const workers = server.pids("http worker").map(String);
      await eventually("every worker writes to the new file", () => {
        const pids = lines(server, "server.log").map(({ pid }) => String(pid));
        return workers.every((pid) => pids.includes(pid));
      });
    }
    over = true;
    await Promise.all(clients);
    server.signal("SIGTERM");
    await server.exited();
    const urls = [...rotations, "server.log"].map((name) =>
      lines(server, name).flatMap(({ url }) => (url === undefined ? [] : [url])),
    );
    expect(urls.map((some) => some.length > 0)).toEqual([true, true, true]);
    expect(urls.flat().sort()).toEqual(Array.from({ length: asked }, (_, n) => `/pid?n=${n}`).sort());
  });
});
