/** New code and settings without a lost request: SIGHUP, and what happens when the new code is broken. */

import { once } from "node:events";
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type EchoServer, echoServers } from "./echo-app.ts";
import { freePort } from "./free-port.ts";
import { eventually, isAlive } from "./harness.ts";
import { ask, open, RawConnection } from "./http-tools.ts";

const app = (version: string, more = ""): string => `
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from ${JSON.stringify(INDEX)};
${more}
const statics = { workers: undefined, resources: {} };
export class Model extends DirtyApp {
  static concurrency = 8;
  static resources = globalThis.needs ?? {};
  async init() {
    appendFileSync("starts.log", process.pid + " " + process.env.CUDA_VISIBLE_DEVICES + "\\n");
    if (existsSync("slow")) await sleep(Number(readFileSync("slow", "utf8")));
    if (existsSync("broken")) throw new Error("the model is broken");
  }
  version() { return ${JSON.stringify(version)}; }
  units() { return { pid: process.pid, units: process.env.CUDA_VISIBLE_DEVICES ?? null }; }
  async *ticks(n, ms) { for (let i = 0; i < n && !existsSync("enough"); i++) { yield i + " "; await sleep(ms); } }
  async hold(ms) { await sleep(ms); return ${JSON.stringify(version)}; }
}
export class Old extends Model {
  static concurrency = 1;
}
`;

const INDEX = new URL("../../dist/index.js", import.meta.url).href;

const main = (version: string): string => `
import { existsSync } from "node:fs";
import { getDirtyClient } from "tsunicorn";
import { setTimeout as sleep } from "node:timers/promises";
export default async function serve(request, response) {
  const [, kind, app, action, ...args] = new URL(request.url, "http://x").pathname.split("/");
  const client = getDirtyClient();
  response.setHeader("x-version", ${JSON.stringify(version)});
  try {
    if (kind === "version") response.end(${JSON.stringify(version)} + (await client.execute("./app.mjs:Model", "version")));
    else if (kind === "status") response.end(JSON.stringify(client.status()));
    else if (kind === "call") response.end(JSON.stringify(await client.execute("./app.mjs:" + app, action, ...args.map(Number))));
    else if (kind === "later") {
      response.flushHeaders();
      while (!existsSync("enough")) await sleep(20);
      response.end(JSON.stringify(await client.execute("./app.mjs:" + app, action, ...args.map(Number))));
    }
    else if (kind === "stream") {
      for await (const chunk of client.stream("./app.mjs:" + app, action, ...args.map(Number))) response.write(chunk);
      response.end("done");
    }
    else response.end();
  } catch (error) { response.end("failed: " + error.name); }
}
`;

const config = (settings: Record<string, unknown>): string => `export default ${JSON.stringify(settings)};\n`;

const SETTINGS = { workers: 2, dirtyWorkers: 1, dirtyApps: ["./app.mjs:Model"] };

const start = echoServers();

async function server(settings: Record<string, unknown> = SETTINGS, more = ""): Promise<EchoServer> {
  return start([], {
    files: { "main.mjs": main("1"), "app.mjs": app("1", more), "tsunicorn.config.mjs": config(settings) },
    args: ["main.mjs"],
  });
}

function write(running: EchoServer, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(running.folder, name), text.replaceAll('"tsunicorn"', JSON.stringify(INDEX)));
}

const version = async (running: EchoServer): Promise<string> => (await ask(running.target, "/version")).body;

/** Waits until an HTTP worker has heard of the dirty arbiter what it looks like. */
async function sees(running: EchoServer, status: string): Promise<void> {
  await eventually(`the status has ${status}`, async () =>
    (await ask(running.target, "/status")).body.includes(status),
  );
}

async function only(running: EchoServer, kind: string, others: number[], count: number): Promise<number[]> {
  return eventually(`${count} new processes: ${kind}`, () => {
    const now = running.pids(kind);
    return now.length === count && now.every((pid) => !others.includes(pid)) ? now : undefined;
  });
}

describe("SIGHUP", () => {
  test("serves new code from new workers, and finishes the streams that the old ones have begun", async () => {
    const running = await server();
    expect(await version(running)).toBe("11");
    const [http, dirty, arbiter] = ["http worker", "dirty worker", "dirty arbiter"].map((kind) =>
      running.pids(kind),
    );
    const old = await open(running.target, "/stream/Model/ticks/1000/20");
    await old.has("1 ");
    write(running, { "main.mjs": main("2"), "app.mjs": app("2") });
    running.signal("SIGHUP");
    await running.logged("reloaded in ");
    expect(await version(running)).toBe("22");
    expect(old.endedAt).toBeUndefined();
    appendFileSync(join(running.folder, "enough"), "");
    await old.ended();
    const ticks = old.text.split(" ").length - 1;
    expect(old.text).toBe(`${Array.from({ length: ticks }, (_, i) => i).join(" ")} done`);
    await only(running, "http worker", http ?? [], 2);
    await only(running, "dirty worker", dirty ?? [], 1);
    expect(running.pids("dirty arbiter")).toEqual(arbiter);
  });

  test("loses no request under load, reload after reload", async () => {
    const running = await server();
    let stopped = false;
    const seen = new Map<string, number>();
    const clients = Array.from({ length: 8 }, async () => {
      while (!stopped) {
        const answer = await version(running).catch((error: unknown) => String(error));
        seen.set(answer, (seen.get(answer) ?? 0) + 1);
      }
    });
    for (const next of ["2", "3", "4"]) {
      write(running, { "main.mjs": main(next), "app.mjs": app(next) });
      const before = running.log().split("reloaded in ").length;
      running.signal("SIGHUP");
      await eventually("it has reloaded", () => running.log().split("reloaded in ").length > before);
    }
    await eventually("the last code answers", () => (seen.get("44") ?? 0) > 10);
    stopped = true;
    await Promise.all(clients);
    // While both generations serve, old pages may get answers of new models; nobody gets an error.
    expect([...seen.keys()].filter((answer) => !/^[1-4][1-4]$/.test(answer))).toEqual([]);
  });

  test("takes over the settings of the config file: numbers of workers, addresses, limits", async () => {
    const running = await server();
    write(running, { "tsunicorn.config.mjs": config({ ...SETTINGS, workers: 3, dirtyWorkers: 2 }) });
    running.signal("SIGHUP");
    await running.logged("reloaded in ");
    await eventually("3 and 2 serve", () => {
      return running.pids("http worker").length === 3 && running.pids("dirty worker").length === 2;
    });
    await sees(running, '"workers":2');
  });

  test("binds new addresses before it lets go of old ones", async () => {
    const [first, second] = [await freePort(), await freePort()];
    const bind = (port: number) => config({ ...SETTINGS, bind: `127.0.0.1:${port}` });
    const running = await start([], {
      files: { "main.mjs": main("1"), "app.mjs": app("1"), "tsunicorn.config.mjs": bind(first) },
      args: ["main.mjs"],
      bindInConfig: true,
    });
    const old = await open({ port: first }, "/stream/Model/ticks/20/50");
    await old.has("0 ");
    write(running, { "tsunicorn.config.mjs": bind(second) });
    running.signal("SIGHUP");
    await running.logged("reloaded in ");
    expect((await ask({ port: second }, "/version")).body).toBe("11");
    await eventually("the old address is refused", async () =>
      RawConnection.to({ port: first }).then(
        (connection) => connection.leave(),
        () => true,
      ),
    );
    await old.ended();
    expect(old.text).toMatch(/ 19 done$/);
  });

  test("keeps everything where a new address cannot be bound", async () => {
    const first = await freePort();
    const bind = (port: number) => config({ ...SETTINGS, bind: `127.0.0.1:${port}` });
    const running = await start([], {
      files: { "main.mjs": main("1"), "app.mjs": app("1"), "tsunicorn.config.mjs": bind(first) },
      args: ["main.mjs"],
      bindInConfig: true,
    });
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    write(running, { "tsunicorn.config.mjs": bind(port) });
    running.signal("SIGHUP");
    await running.logged(/given up[^\n]*Cannot listen on 127\.0\.0\.1:\d+: the address is in use/);
    taken.close();
    expect((await ask({ port: first }, "/version")).body).toBe("11");
  });

  test("says what stays until a restart", async () => {
    const running = await server();
    write(running, { "tsunicorn.config.mjs": config({ ...SETTINGS, dirtyBind: "other.sock" }) });
    running.signal("SIGHUP");
    await running.logged("the setting dirtyBind stays as it is: only a restart of the server changes it");
    await running.logged("reloaded in ");
    expect(await version(running)).toBe("11");
  });
});

describe("a new generation that cannot serve is given up, and the old one goes on", () => {
  async function givenUp(running: EchoServer, reason: RegExp): Promise<void> {
    const pids = [...running.pids("http worker"), ...running.pids("dirty worker")];
    running.signal("SIGHUP");
    await running.logged(/the reload is given up, and the old workers go on serving/);
    expect(running.log()).toMatch(reason);
    expect(await version(running)).toBe("11");
    await eventually("only the old ones are left", () => {
      const now = [...running.pids("http worker"), ...running.pids("dirty worker")];
      return now.length === pids.length && now.every((pid) => pids.includes(pid));
    });
  }

  test("a web app that does not compile", async () => {
    const running = await server();
    write(running, { "main.mjs": "export default (" });
    await givenUp(
      running,
      /given up[^\n]*the http worker cannot start: The app .*main\.mjs cannot be loaded/,
    );
  });

  test("a model that does not load", async () => {
    const running = await server();
    appendFileSync(join(running.folder, "broken"), "");
    await givenUp(running, /given up[^\n]*the dirty worker cannot start: init\(\)[^\n]*the model is broken/);
  });

  test("a config file with a mistake", async () => {
    const running = await server();
    write(running, { "tsunicorn.config.mjs": "export default { wokers: 3 };" });
    await givenUp(running, /given up[^\n]*wokers: unknown setting/);
    // Mended, the next reload works.
    rmSync(join(running.folder, "broken"), { force: true });
    write(running, {
      "tsunicorn.config.mjs": config(SETTINGS),
      "main.mjs": main("2"),
      "app.mjs": app("2"),
    });
    running.signal("SIGHUP");
    await running.logged("reloaded in ");
    expect(await version(running)).toBe("22");
  });

  test("a model that takes longer than dirtyInitTimeout", async () => {
    const running = await server({ ...SETTINGS, dirtyInitTimeout: 2 });
    appendFileSync(join(running.folder, "slow"), "60000");
    await givenUp(running, /given up[^\n]*a dirty worker was not ready after 2 s/);
  });

  test("a new app that cannot be imported, also where many dirty workers try it", async () => {
    const running = await server({ ...SETTINGS, dirtyWorkers: 4 });
    write(running, {
      "other.mjs": "throw new Error('not today');",
      "tsunicorn.config.mjs": config({
        ...SETTINGS,
        dirtyWorkers: 4,
        dirtyApps: ["./app.mjs:Model", "./other.mjs:Other"],
      }),
    });
    await givenUp(
      running,
      /given up[^\n]*the dirty worker cannot start: The dirty app .*other\.mjs:Other cannot be loaded/,
    );
  });

  test("and lets go of the addresses that it had bound", async () => {
    const [first, second] = [await freePort(), await freePort()];
    const bind = (...ports: number[]) =>
      config({ ...SETTINGS, bind: ports.map((port) => `127.0.0.1:${port}`) });
    const running = await start([], {
      files: { "main.mjs": main("1"), "app.mjs": app("1"), "tsunicorn.config.mjs": bind(first) },
      args: ["main.mjs"],
      bindInConfig: true,
    });
    write(running, { "tsunicorn.config.mjs": bind(first, second), "main.mjs": "export default (" });
    running.signal("SIGHUP");
    await running.logged("the reload is given up");
    await eventually("the new address is free", async () =>
      RawConnection.to({ port: second }).then(
        (connection) => connection.leave(),
        () => true,
      ),
    );
    expect((await ask({ port: first }, "/version")).body).toBe("11");
  });

  test("of two reloads that read the config at once, the one that was asked for last counts", async () => {
    const running = await server();
    const slowly = (settings: Record<string, unknown>) =>
      `await new Promise((resolve) => setTimeout(resolve, 1500));\n${config(settings)}`;
    write(running, { "tsunicorn.config.mjs": slowly({ ...SETTINGS, workers: 1 }) });
    running.signal("SIGHUP");
    await running.logged("the config is read again");
    write(running, { "tsunicorn.config.mjs": config({ ...SETTINGS, workers: 3 }) });
    running.signal("SIGHUP");
    await running.logged("reloaded in ");
    await running.logged("a reload is given up before it began");
    await eventually("three serve", () => running.pids("http worker").length === 3);
    expect(running.log().split("reloaded in ")).toHaveLength(2);
    expect(running.pids("http worker")).toHaveLength(3);
  });

  test("a second SIGHUP while the first still starts counts instead of it", async () => {
    const running = await server();
    appendFileSync(join(running.folder, "slow"), "1500");
    write(running, { "main.mjs": main("2"), "app.mjs": app("2") });
    running.signal("SIGHUP");
    await eventually("the new model loads", () => starts(running).length === 2);
    write(running, { "main.mjs": main("3"), "app.mjs": app("3") });
    running.signal("SIGHUP");
    await running.logged("another reload was asked for meanwhile");
    await running.logged("reloaded in ");
    expect(await version(running)).toBe("33");
    await eventually("one dirty worker is left", () => running.pids("dirty worker").length === 1);
  });

  test("a stop in the middle of a reload leaves nothing behind", async () => {
    const running = await server();
    appendFileSync(join(running.folder, "slow"), "1500");
    running.signal("SIGHUP");
    await eventually("the new model loads", () => starts(running).length === 2);
    running.signal("SIGTERM");
    expect(await running.exited()).toEqual({ code: 0, signal: null });
  });
});

/** The pid of each dirty worker that began to load its model, and the units that it had. */
function starts(running: EchoServer): { pid: number; units: string }[] {
  return readFileSync(join(running.folder, "starts.log"), "utf8")
    .trim()
    .split("\n")
    .map((line) => ({ pid: Number(line.split(" ")[0]), units: line.split(" ")[1] ?? "" }));
}

describe("an app that the new config does not have", () => {
  test("still answers the old HTTP workers, and what waits when the last of them has gone gets DirtyAppNotFoundError", async () => {
    const running = await server({
      ...SETTINGS,
      gracefulTimeout: 60,
      dirtyApps: ["./app.mjs:Model", "./app.mjs:Old"],
    });
    // An old page asks for it only after the reload.
    const late = await open(running.target, "/later/Old/hold/10");
    write(running, { "tsunicorn.config.mjs": config(SETTINGS), "app.mjs": app("2"), "main.mjs": main("2") });
    running.signal("SIGHUP");
    await running.logged("reloaded in ");
    expect(late.endedAt).toBeUndefined();
    appendFileSync(join(running.folder, "enough"), "");
    await late.ended();
    expect(late.text).toBe('"1"');
    await only(
      running,
      "dirty worker",
      starts(running)
        .slice(0, 1)
        .map(({ pid }) => pid),
      1,
    );
    expect((await ask(running.target, "/call/Old/version")).body).toBe("failed: DirtyAppNotFoundError");
    expect(await version(running)).toBe("22");
  });
});

describe("resources", () => {
  const NEEDS = "globalThis.needs = { gpu: 1 };";

  async function unitsOf(running: EchoServer): Promise<string[]> {
    const found = new Map<number, string>();
    const want = running.pids("dirty worker").length;
    await eventually("each dirty worker says its units", async () => {
      const { pid, units } = JSON.parse((await ask(running.target, "/call/Model/units")).body);
      found.set(pid, units);
      return found.size === want;
    });
    return [...found.values()].sort();
  }

  test("each worker with an app that asks for a unit sees one of its own; a replacement gets that of the dead", async () => {
    const running = await server({ ...SETTINGS, dirtyWorkers: 2, resources: { gpu: ["0", "1"] } }, NEEDS);
    expect(await unitsOf(running)).toEqual(["0", "1"]);
    const [doomed = 0] = running.pids("dirty worker");
    process.kill(doomed, "SIGKILL");
    await eventually("it is replaced", () => !isAlive(doomed) && running.pids("dirty worker").length === 2);
    await eventually("the model is loaded again", () => starts(running).length === 3);
    expect(await unitsOf(running)).toEqual(["0", "1"]);
  });

  test("an app for which none is left is not loaded, and the log says so", async () => {
    const running = await server({ ...SETTINGS, dirtyWorkers: 2, resources: { gpu: ["7"] } }, NEEDS);
    expect(running.log()).toMatch(/dirty worker \d+ does not get app:Model: it needs 1 gpu/);
    await sees(running, '"workers":1');
    expect(starts(running).map(({ units }) => units)).toEqual(["7"]);
  });

  test("a worker that is added waits for the unit of one that still drains", async () => {
    const running = await server({ ...SETTINGS, dirtyWorkers: 2, resources: { gpu: ["0", "1"] } }, NEEDS);
    const [arbiter = 0] = running.pids("dirty arbiter");
    const busy = await Promise.all([0, 1].map(() => open(running.target, "/stream/Model/ticks/30/50")));
    await Promise.all(busy.map((stream) => stream.has("0 ")));
    process.kill(arbiter, "SIGTTOU");
    await running.logged("1 dirty workers from now on");
    process.kill(arbiter, "SIGTTIN");
    await running.logged("2 dirty workers from now on");
    for (const stream of busy) await stream.ended();
    await eventually("the model is loaded again", () => starts(running).length === 3);
    expect(running.log()).not.toContain("does not get app:Model");
    await eventually("two are left", () => running.pids("dirty worker").length === 2);
    expect(await unitsOf(running)).toEqual(["0", "1"]);
  });

  test("of a config that was given up are not in force", async () => {
    const running = await server({ ...SETTINGS, resources: { gpu: ["0"] } }, NEEDS);
    write(running, { "tsunicorn.config.mjs": config(SETTINGS), "main.mjs": "export default (" });
    running.signal("SIGHUP");
    const [doomed = 0] = running.pids("dirty worker");
    await running.logged("the reload is given up");
    await eventually("the old one is left", () => running.pids("dirty worker").join() === String(doomed));
    expect(running.log()).not.toContain("is drained for its successor");
    write(running, { "main.mjs": main("1") });
    const before = starts(running).length;
    process.kill(doomed, "SIGKILL");
    await eventually("the model is loaded again", () => starts(running).length > before);
    expect(starts(running).at(-1)?.units).toBe("0");
  });

  test("where they do not suffice for two generations, one worker at a time is drained and then replaced", async () => {
    const running = await server({ ...SETTINGS, dirtyWorkers: 2, resources: { gpu: ["0", "1"] } }, NEEDS);
    const old = running.pids("dirty worker");
    const streams = await Promise.all([0, 1].map(() => open(running.target, "/stream/Model/ticks/20/50")));
    await Promise.all(streams.map((stream) => stream.has("0 ")));
    write(running, { "main.mjs": main("2"), "app.mjs": app("2", NEEDS) });
    running.signal("SIGHUP");
    let least = 2;
    const watching = setInterval(() => {
      least = Math.min(least, old.filter(isAlive).length + starts(running).length - 2);
    }, 10);
    await running.logged("reloaded in ", 30_000);
    clearInterval(watching);
    for (const stream of streams) {
      await stream.ended();
      expect(stream.text).toMatch(/^0 1 2 .* 19 done$/);
    }
    expect(least).toBeGreaterThanOrEqual(1);
    await only(running, "dirty worker", old, 2);
    expect(await version(running)).toBe("22");
    expect(await unitsOf(running)).toEqual(["0", "1"]);
  });
});

describe("dirty workers are scaled", () => {
  test("never below what the apps' workers need", async () => {
    const running = await server({
      ...SETTINGS,
      dirtyWorkers: 3,
      dirtyApps: ["./app.mjs:Model:2", "./app.mjs:Old"],
    });
    const [arbiter = 0] = running.pids("dirty arbiter");
    expect(running.pids("dirty worker")).toHaveLength(3);
    process.kill(arbiter, "SIGTTOU");
    await running.logged("2 dirty workers from now on");
    await eventually("two are left", () => running.pids("dirty worker").length === 2);
    await sees(running, '{"app":"app:Model","workers":2}');
    process.kill(arbiter, "SIGTTOU");
    await running.logged(
      "the number of dirty workers stays as it is: There are 2 dirty workers; there can be 2 to 1000 of them, since",
    );
    process.kill(arbiter, "SIGTTIN");
    await running.logged("3 dirty workers from now on");
    await eventually("there are three", () => running.pids("dirty worker").length === 3);
    expect(running.log()).not.toContain("1 dirty workers from now on");
  });
});
