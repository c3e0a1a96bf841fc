/** New code and settings without a lost request: SIGHUP, and what happens when the new code is broken. */

import { once } from "node:events";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type EchoServer, echoServers } from "./echo-app.ts";
import { freePort } from "./free-port.ts";
import { eventually, isAlive } from "./harness.ts";
import { ask, open, RawConnection } from "./http-tools.ts";

const app = (version: string, more = ""): string => `
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from ${JSON.stringify(INDEX)};
${more}
const statics = { workers: undefined, resources: {} };
export class Model extends DirtyApp {
  static concurrency = 8;
  static resources = globalThis.needs ?? {};
  async init() {
    appendFileSync("starts.log", process.pid + " " + process.env.CUDA_VISIBLE_DEVICES + "\\n");
    while (existsSync("slow")) await sleep(10);
    if (existsSync("broken")) throw new Error("the model is broken");
  }
  version() { return ${JSON.stringify(version)}; }
  units() { return { pid: process.pid, units: process.env.CUDA_VISIBLE_DEVICES ?? null }; }
  async *ticks() { for (let i = 0; !existsSync("enough"); i++) { yield i + " "; await sleep(20); } }
  async hold() { return ${JSON.stringify(version)}; }
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

const SETTINGS = { workers: 1, dirtyWorkers: 1, dirtyApps: ["./app.mjs:Model"], gracefulTimeout: 60 };

const start = echoServers(afterAll);

function write(running: EchoServer, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(running.folder, name), text.replaceAll('"tsunicorn"', JSON.stringify(INDEX)));
}

/** Makes a file that the apps wait for, or that they fail or wait because of. */
function touch(running: EchoServer, name: string): void {
  appendFileSync(join(running.folder, name), "");
}

function remove(running: EchoServer, ...names: string[]): void {
  for (const name of names) rmSync(join(running.folder, name), { force: true });
}

async function only(running: EchoServer, kind: string, others: number[], count: number): Promise<number[]> {
  return eventually(`${count} new processes: ${kind}`, () => {
    const now = running.pids(kind);
    return now.length === count && now.every((pid) => !others.includes(pid)) ? now : undefined;
  });
}

/** The pid of each dirty worker that began to load its model, and the units that it had. */
function starts(running: EchoServer): { pid: number; units: string }[] {
  return readFileSync(join(running.folder, "starts.log"), "utf8")
    .trim()
    .split("\n")
    .map((line) => ({ pid: Number(line.split(" ")[0]), units: line.split(" ")[1] ?? "" }));
}

/** What a stream of ticks has said that nothing is missing from. */
function expectWhole(text: string): void {
  const ticks = text.split(" ").length - 1;
  expect(text).toBe(`${Array.from({ length: ticks }, (_, i) => i).join(" ")} done`);
}

const isRefused = (port: number): Promise<boolean | undefined> =>
  RawConnection.to({ port }).then(
    (connection) => {
      connection.leave();
      return undefined;
    },
    () => true,
  );

/** One server, which each test reloads; it leaves one that serves, with code of one version. */
describe("SIGHUP", () => {
  let running: EchoServer;
  let port: number;
  let code = 1;

  const target = () => ({ port });
  const version = async (): Promise<string> => (await ask(target(), "/version")).body;
  const configWith = (more: Record<string, unknown> = {}): string =>
    config({ ...SETTINGS, bind: `127.0.0.1:${port}`, ...more });

  /** Waits until an HTTP worker has heard of the dirty arbiter what it looks like. */
  async function sees(status: string): Promise<void> {
    await eventually(`the status has ${status}`, async () =>
      (await ask(target(), "/status")).body.includes(status),
    );
  }

  /** Waits until the old workers have gone. */
  async function settled(http = 1, dirty = 1): Promise<void> {
    await eventually(
      `${http} and ${dirty} workers are left`,
      () => running.pids("http worker").length === http && running.pids("dirty worker").length === dirty,
    );
  }

  /** Writes code of the next version. */
  function edit(): void {
    code += 1;
    write(running, { "main.mjs": main(`${code}`), "app.mjs": app(`${code}`) });
  }

  beforeAll(async () => {
    port = await freePort();
    running = await start([], {
      files: { "main.mjs": main("1"), "app.mjs": app("1"), "tsunicorn.config.mjs": configWith() },
      args: ["main.mjs"],
      bindInConfig: true,
    });
  });

  beforeEach(() => {
    remove(running, "broken", "slow", "enough");
    write(running, {
      "main.mjs": main(`${code}`),
      "app.mjs": app(`${code}`),
      "tsunicorn.config.mjs": configWith(),
    });
  });

  describe("with a new generation that cannot serve: it is given up, and the old one goes on", () => {
    /** All of them, also one that has begun so lately that it has no title yet. */
    const children = (): string => readFileSync(`/proc/${running.pid}/task/${running.pid}/children`, "utf8");

    async function givenUp(reason: RegExp): Promise<void> {
      const before = children();
      const said = running.fromNow();
      running.signal("SIGHUP");
      await said.logged(/the reload is given up, and the old workers go on serving/);
      expect(said.log()).toMatch(reason);
      expect(await version()).toBe(`${code}${code}`);
      await eventually("only the old ones are left", () => children() === before);
    }

    test("a web app that does not compile; the addresses that were bound for it are let go", async () => {
      const other = await freePort();
      write(running, {
        "tsunicorn.config.mjs": configWith({ bind: [`127.0.0.1:${port}`, `127.0.0.1:${other}`] }),
        "main.mjs": "export default (",
      });
      await givenUp(/given up[^\n]*the http worker cannot start: The app .*main\.mjs cannot be loaded/);
      await eventually("the new address is free", () => isRefused(other));
    });

    test("a model that does not load", async () => {
      touch(running, "broken");
      await givenUp(/given up[^\n]*the dirty worker cannot start: init\(\)[^\n]*the model is broken/);
    });

    test("a model that takes longer than dirtyInitTimeout", async () => {
      touch(running, "slow");
      write(running, { "tsunicorn.config.mjs": configWith({ dirtyInitTimeout: 2 }) });
      await givenUp(/given up[^\n]*a dirty worker was not ready after 2 s/);
    });

    test("a new app that cannot be imported, also where many dirty workers try it", async () => {
      write(running, {
        "other.mjs": "throw new Error('not today');",
        "tsunicorn.config.mjs": configWith({
          dirtyWorkers: 3,
          dirtyApps: ["./app.mjs:Model", "./other.mjs:Other"],
        }),
      });
      await givenUp(
        /given up[^\n]*the dirty worker cannot start: The dirty app .*other\.mjs:Other cannot be loaded/,
      );
    });

    test("an address that cannot be bound", async () => {
      const taken = createServer().listen(0, "127.0.0.1");
      await once(taken, "listening");
      const { port: other } = taken.address() as AddressInfo;
      write(running, { "tsunicorn.config.mjs": configWith({ bind: `127.0.0.1:${other}` }) });
      await givenUp(/given up[^\n]*Cannot listen on 127\.0\.0\.1:\d+: the address is in use/);
      taken.close();
    });

    test("a config file with a mistake; mended, the next reload works", async () => {
      write(running, { "tsunicorn.config.mjs": "export default { wokers: 3 };" });
      await givenUp(/given up[^\n]*wokers: unknown setting/);
      edit();
      write(running, { "tsunicorn.config.mjs": configWith() });
      const said = running.fromNow();
      running.signal("SIGHUP");
      await said.logged("reloaded in ");
      expect(await version()).toBe(`${code}${code}`);
      await settled();
    });
  });

  test("serves new code from new workers, and finishes the streams that the old ones have begun", async () => {
    const was = `${code}${code}`;
    expect(await version()).toBe(was);
    const [http, dirty, arbiter] = ["http worker", "dirty worker", "dirty arbiter"].map((kind) =>
      running.pids(kind),
    );
    const old = await open(target(), "/stream/Model/ticks");
    await old.has("1 ");
    edit();
    const said = running.fromNow();
    running.signal("SIGHUP");
    await said.logged("reloaded in ");
    expect(await version()).toBe(`${code}${code}`);
    expect(`${code}${code}`).not.toBe(was);
    expect(old.endedAt).toBeUndefined();
    touch(running, "enough");
    await old.ended();
    expectWhole(old.text);
    await only(running, "http worker", http ?? [], 1);
    await only(running, "dirty worker", dirty ?? [], 1);
    expect(running.pids("dirty arbiter")).toEqual(arbiter);
  });

  test("loses no request under load, reload after reload", async () => {
    let stopped = false;
    const first = code;
    const seen = new Map<string, number>();
    const clients = Array.from({ length: 4 }, async () => {
      while (!stopped) {
        const answer = await version().catch((error: unknown) => String(error));
        seen.set(answer, (seen.get(answer) ?? 0) + 1);
      }
    });
    for (let reload = 0; reload < 2; reload++) {
      edit();
      const said = running.fromNow();
      running.signal("SIGHUP");
      await said.logged("reloaded in ");
    }
    await eventually("the last code answers", () => (seen.get(`${code}${code}`) ?? 0) > 10);
    stopped = true;
    await Promise.all(clients);
    // While both generations serve, old pages may get answers of new models; no client gets an error.
    const codes = Array.from({ length: code - first + 1 }, (_, i) => `${first + i}`);
    const right = new Set(codes.flatMap((page) => codes.map((model) => page + model)));
    expect([...seen.keys()].filter((answer) => !right.has(answer))).toEqual([]);
    await settled();
  });

  test("binds new addresses before it lets go of old ones", async () => {
    const first = port;
    const old = await open(target(), "/stream/Model/ticks");
    await old.has("0 ");
    port = await freePort();
    write(running, { "tsunicorn.config.mjs": configWith() });
    const said = running.fromNow();
    running.signal("SIGHUP");
    await said.logged("reloaded in ");
    expect(await version()).toBe(`${code}${code}`);
    await eventually("the old address is refused", () => isRefused(first));
    touch(running, "enough");
    await old.ended();
    expectWhole(old.text);
    await settled();
  });

  test("takes over the numbers of workers, and says of other settings that they stay until a restart", async () => {
    write(running, {
      "tsunicorn.config.mjs": configWith({ workers: 2, dirtyWorkers: 2, dirtyBind: "other.sock" }),
    });
    const said = running.fromNow();
    running.signal("SIGHUP");
    await said.logged("the setting dirtyBind stays as it is: only a restart of the server changes it");
    await said.logged("reloaded in ");
    await settled(2, 2);
    await sees('"workers":2');
    expect(await version()).toBe(`${code}${code}`);
  });

  test("of two reloads that read the config at once, the one that was asked for last counts", async () => {
    write(running, {
      "tsunicorn.config.mjs": `
        import { existsSync, writeFileSync } from "node:fs";
        writeFileSync("slow config", "");
        while (existsSync("slow config")) await new Promise((resolve) => setTimeout(resolve, 10));
        ${configWith({ workers: 1 })}`,
    });
    const said = running.fromNow();
    running.signal("SIGHUP");
    await eventually("the config is read", () => existsSync(join(running.folder, "slow config")));
    write(running, { "tsunicorn.config.mjs": configWith({ workers: 2 }) });
    running.signal("SIGHUP");
    await said.logged("reloaded in ");
    remove(running, "slow config");
    await said.logged("a reload is given up before it began");
    await settled(2, 1);
    expect(said.log().split("reloaded in ")).toHaveLength(2);
  });

  test("a second SIGHUP while the first still starts counts instead of it", async () => {
    const before = starts(running).length;
    const said = running.fromNow();
    touch(running, "slow");
    edit();
    running.signal("SIGHUP");
    await eventually("the new model loads", () => starts(running).length === before + 1);
    edit();
    running.signal("SIGHUP");
    await said.logged("another reload was asked for meanwhile");
    remove(running, "slow");
    await said.logged("reloaded in ");
    expect(await version()).toBe(`${code}${code}`);
    await settled();
  });

  test("an app that the new config does not have still answers the old HTTP workers; what waits when the last of them has gone gets DirtyAppNotFoundError", async () => {
    write(running, {
      "tsunicorn.config.mjs": configWith({ dirtyApps: ["./app.mjs:Model", "./app.mjs:Old"] }),
    });
    const first = running.fromNow();
    running.signal("SIGHUP");
    await first.logged("reloaded in ");
    await settled();
    const old = running.pids("dirty worker");
    const was = `${code}`;
    // An old page asks for it only after the reload.
    const late = await open(target(), "/later/Old/hold");
    edit();
    write(running, { "tsunicorn.config.mjs": configWith() });
    const said = running.fromNow();
    running.signal("SIGHUP");
    await said.logged("reloaded in ");
    expect(late.endedAt).toBeUndefined();
    touch(running, "enough");
    await late.ended();
    expect(late.text).toBe(JSON.stringify(was));
    await only(running, "dirty worker", old, 1);
    expect((await ask(target(), "/call/Old/version")).body).toBe("failed: DirtyAppNotFoundError");
    expect(await version()).toBe(`${code}${code}`);
    await settled();
  });

  test("dirty workers are never scaled below what the apps' workers need", async () => {
    write(running, {
      "tsunicorn.config.mjs": configWith({
        dirtyWorkers: 3,
        dirtyApps: ["./app.mjs:Model:2", "./app.mjs:Old"],
      }),
    });
    const said = running.fromNow();
    running.signal("SIGHUP");
    await said.logged("reloaded in ");
    await settled(1, 3);
    const [arbiter = 0] = running.pids("dirty arbiter");
    process.kill(arbiter, "SIGTTOU");
    await said.logged("2 dirty workers from now on");
    await settled(1, 2);
    await sees('{"app":"app:Model","workers":2}');
    process.kill(arbiter, "SIGTTOU");
    await said.logged(
      "the number of dirty workers stays as it is: There are 2 dirty workers; there can be 2 to 1000 of them, since",
    );
    process.kill(arbiter, "SIGTTIN");
    await said.logged("3 dirty workers from now on");
    await settled(1, 3);
    expect(said.log()).not.toContain("1 dirty workers from now on");
  });

  // The last one: it ends the server.
  test("then SIGTERM in the middle of a reload leaves nothing behind", async () => {
    const before = starts(running).length;
    touch(running, "slow");
    running.signal("SIGHUP");
    await eventually("the new model loads", () => starts(running).length > before);
    running.signal("SIGTERM");
    expect(await running.exited()).toEqual({ code: 0, signal: null });
  });
});

/** One server too. */
describe("resources", () => {
  const NEEDS = "globalThis.needs = { gpu: 1 };";
  const withUnits = (...gpu: string[]): string =>
    config({ ...SETTINGS, dirtyWorkers: 2, resources: { gpu } });
  let running: EchoServer;

  beforeAll(async () => {
    running = await start([], {
      files: { "main.mjs": main("1"), "app.mjs": app("1", NEEDS), "tsunicorn.config.mjs": withUnits("7") },
      args: ["main.mjs"],
    });
  });

  beforeEach(() => remove(running, "enough"));

  async function unitsOf(): Promise<string[]> {
    const found = new Map<number, string>();
    const want = running.pids("dirty worker").length;
    await eventually("each dirty worker says its units", async () => {
      const { pid, units } = JSON.parse((await ask(running.target, "/call/Model/units")).body);
      found.set(pid, units);
      return found.size === want;
    });
    return [...found.values()].sort();
  }

  test("an app for which none is left is not loaded, and the log says so", async () => {
    expect(running.log()).toMatch(/dirty worker \d+ does not get app:Model: it needs 1 gpu/);
    await eventually("one has it", async () =>
      (await ask(running.target, "/status")).body.includes('"workers":1'),
    );
    expect(starts(running).map(({ units }) => units)).toEqual(["7"]);
  });

  test("each worker with an app that asks for a unit sees one of its own", async () => {
    const old = running.pids("dirty worker");
    write(running, { "tsunicorn.config.mjs": withUnits("0", "1") });
    running.signal("SIGHUP");
    await running.logged("reloaded in ");
    await only(running, "dirty worker", old, 2);
    expect(await unitsOf()).toEqual(["0", "1"]);
  });

  test("a replacement gets the unit of the dead, also after a config without units was given up", async () => {
    const pids = running.pids("dirty worker");
    const said = running.fromNow();
    write(running, { "tsunicorn.config.mjs": config(SETTINGS), "main.mjs": "export default (" });
    running.signal("SIGHUP");
    await said.logged("the reload is given up");
    await eventually("the old ones are left", () => running.pids("dirty worker").join() === pids.join());
    expect(said.log()).not.toContain("is drained for its successor");
    write(running, { "main.mjs": main("1"), "tsunicorn.config.mjs": withUnits("0", "1") });
    const before = starts(running).length;
    const [doomed = 0] = pids;
    process.kill(doomed, "SIGKILL");
    await eventually("it is replaced", () => !isAlive(doomed) && running.pids("dirty worker").length === 2);
    await eventually("the model is loaded again", () => starts(running).length === before + 1);
    expect(await unitsOf()).toEqual(["0", "1"]);
  });

  test("a worker that is added waits for the unit of one that still drains", async () => {
    const [arbiter = 0] = running.pids("dirty arbiter");
    const said = running.fromNow();
    const before = starts(running).length;
    const busy = await Promise.all([0, 1].map(() => open(running.target, "/stream/Model/ticks")));
    await Promise.all(busy.map((stream) => stream.has("0 ")));
    process.kill(arbiter, "SIGTTOU");
    await said.logged("1 dirty workers from now on");
    process.kill(arbiter, "SIGTTIN");
    await said.logged("2 dirty workers from now on");
    await eventually("the one that is added is there", () => running.pids("dirty worker").length === 3);
    touch(running, "enough");
    for (const stream of busy) await stream.ended();
    await eventually("the model is loaded again", () => starts(running).length === before + 1);
    expect(said.log()).not.toContain("does not get app:Model");
    await eventually("two are left", () => running.pids("dirty worker").length === 2);
    expect(await unitsOf()).toEqual(["0", "1"]);
  });

  test("where they do not suffice for two generations, one worker at a time is drained and then replaced", async () => {
    const old = running.pids("dirty worker");
    const before = starts(running).length;
    const said = running.fromNow();
    const streams = await Promise.all([0, 1].map(() => open(running.target, "/stream/Model/ticks")));
    await Promise.all(streams.map((stream) => stream.has("0 ")));
    write(running, { "main.mjs": main("2"), "app.mjs": app("2", NEEDS) });
    running.signal("SIGHUP");
    await said.logged("is drained for its successor");
    touch(running, "enough");
    let least = 2;
    const watching = setInterval(() => {
      least = Math.min(least, old.filter(isAlive).length + starts(running).length - before);
    }, 10);
    await said.logged("reloaded in ");
    clearInterval(watching);
    for (const stream of streams) {
      await stream.ended();
      expectWhole(stream.text);
    }
    expect(least).toBeGreaterThanOrEqual(1);
    await only(running, "dirty worker", old, 2);
    expect((await ask(running.target, "/version")).body).toBe("22");
    expect(await unitsOf()).toEqual(["0", "1"]);
  });
});
