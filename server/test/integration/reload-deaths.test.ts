/** Workers that die while a reload is under way, or say their last words after their end, take nothing with them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type EchoServer, echoServers } from "./echo-app.ts";
import { eventually } from "./harness.ts";
import { ask, open } from "./http-tools.ts";

/**
 * A model that needs a unit. It notes which worker had which, and whether another had it at that moment. Its streams end
 * once there is a file `enough`.
 */
const app = (version: string, more = ""): string => `
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";
${more}
const lives = (pid) => { try { return process.kill(pid, 0); } catch { return false; } };
export class Model extends DirtyApp {
  static concurrency = 8;
  static resources = { gpu: 1 };
  init() {
    const unit = process.env.CUDA_VISIBLE_DEVICES;
    const before = existsSync("units.log") ? readFileSync("units.log", "utf8").trim().split("\\n") : [];
    const holders = before.map((line) => JSON.parse(line)).filter((one) => one.unit === unit && lives(one.pid));
    appendFileSync("units.log", JSON.stringify({ pid: process.pid, unit, shared: holders.length > 0 }) + "\\n");
  }
  says() { return { version: ${JSON.stringify(version)}, pid: process.pid }; }
  async *ticks() { for (let i = 0; !existsSync("enough"); i++) { yield i + " "; await sleep(50); } }
}
`;

const MAIN = `
import { getDirtyClient } from "tsunicorn";
export default async function serve(request, response) {
  const client = getDirtyClient();
  try {
    if (request.url === "/ticks") {
      for await (const tick of client.stream("./app.mjs:Model", "ticks")) response.write(tick);
      response.end("done");
    } else response.end(JSON.stringify(await client.execute("./app.mjs:Model", "says")));
  } catch (error) { response.end("failed: " + error.name); }
}
`;

const config = (settings: Record<string, unknown>): string => `export default ${JSON.stringify(settings)};\n`;

const start = echoServers();

async function server(units: string[], source = app("1")): Promise<EchoServer> {
  const settings = {
    dirtyApps: ["./app.mjs:Model"],
    dirtyWorkers: units.length,
    resources: { gpu: units },
  };
  return start([], {
    files: { "main.mjs": MAIN, "app.mjs": source, "tsunicorn.config.mjs": config(settings) },
    args: ["main.mjs"],
  });
}

interface Holder {
  readonly pid: number;
  readonly unit: string;
  readonly shared: boolean;
}

/** Each worker that began to load its model, with the unit that it was given. */
function holders(running: EchoServer): Holder[] {
  return readFileSync(join(running.folder, "units.log"), "utf8")
    .trim()
    .split("\n")
    .map((line): Holder => JSON.parse(line));
}

/** Waits until these units are held only by workers that are not among the old. */
async function onlyNew(running: EchoServer, units: string[], old: number[]): Promise<void> {
  await eventually(
    "only new workers are left, each with a unit",
    () => {
      const pids = running.pids("dirty worker");
      const held = holders(running).filter(({ pid }) => pids.includes(pid));
      return (
        pids.length === units.length &&
        !pids.some((pid) => old.includes(pid)) &&
        held
          .map(({ unit }) => unit)
          .sort()
          .join() === units.join()
      );
    },
    50_000,
  );
}

describe("where units do not suffice for two generations, an old dirty worker that is killed in a reload", () => {
  /** Reloads while each old worker has a stream, and waits until one of them drains. @returns that, and the others. */
  async function reloading(running: EchoServer): Promise<{ drains: number; serve: number[] }> {
    const old = running.pids("dirty worker");
    const streams = await Promise.all(old.map(() => open(running.target, "/ticks")));
    await Promise.all(streams.map((stream) => stream.has("0 ")));
    const source = readFileSync(join(running.folder, "app.mjs"), "utf8");
    writeFileSync(join(running.folder, "app.mjs"), source.replace('version: "1"', 'version: "2"'));
    running.signal("SIGHUP");
    await running.logged("is drained for its successor");
    const drains = Number(/dirty worker (\d+) is drained for its successor/.exec(running.log())?.[1]);
    return { drains, serve: old.filter((pid) => pid !== drains) };
  }

  async function serves(running: EchoServer, units: string[], old: number[]): Promise<void> {
    // Until now the streams have kept what drains.
    writeFileSync(join(running.folder, "enough"), "");
    await running.logged("reloaded in ", 60_000);
    await onlyNew(running, units, old);
    expect(JSON.parse((await ask(running.target, "/")).body)).toMatchObject({ version: "2" });
    expect(holders(running).filter(({ shared }) => shared)).toEqual([]);
    expect(running.log()).not.toContain("does not get app:Model");
    expect(running.log()).not.toContain("the reload is given up");
  }

  test("while it still serves: it is the new generation that gets its unit, and keeps it", async () => {
    const running = await server(["0", "1"]);
    const { drains, serve } = await reloading(running);
    for (const pid of serve) process.kill(pid, "SIGKILL");
    await serves(running, ["0", "1"], [drains, ...serve]);
  });

  test("while it drains: its unit goes on to its successor", async () => {
    const running = await server(["0", "1"]);
    const { drains, serve } = await reloading(running);
    process.kill(drains, "SIGKILL");
    await serves(running, ["0", "1"], [drains, ...serve]);
  });

  test("and was the only one", async () => {
    const running = await server(["0"]);
    const { drains } = await reloading(running);
    process.kill(drains, "SIGKILL");
    await serves(running, ["0"], [drains]);
  });
});

describe("what a worker said last, and what is read after its end,", () => {
  /**
   * Has a process end by a signal, and what it said last arrive behind that: another process has inherited its
   * channel, and writes to it once the arbiter has seen the end.
   */
  const lastWords = (...messages: object[]): string => `
    const words = ${JSON.stringify(`${messages.map((one) => JSON.stringify(one)).join("\n")}\n`)};
    spawn("/bin/sh", ["-c", 'while kill -0 "$0" 2>/dev/null; do sleep 0.01; done; printf %s "$1" >&3', String(process.pid), words],
      { detached: true, stdio: ["ignore", "ignore", "ignore", 3] }).once("spawn", () => process.kill(process.pid, "SIGKILL"));
    await new Promise(() => {});`;
  const SPAWN = 'import { spawn } from "node:child_process";';

  test("gives it no unit: its successor gets that", async () => {
    const doomed = `${SPAWN} import { rmSync } from "node:fs";
      if (existsSync("doomed")) { rmSync("doomed");
        ${lastWords({ type: "loaded", apps: [{ app: "app:Model", resources: { gpu: 1 } }] }, { type: "ready" })} }`;
    const running = await server(["0"], app("1", doomed));
    const [{ pid = 0 } = {}] = holders(running);
    writeFileSync(join(running.folder, "doomed"), "");
    process.kill(pid, "SIGKILL");
    await eventually("one has died of it", () => !existsSync(join(running.folder, "doomed")));
    await eventually("another has the unit", () => holders(running).length === 2);
    expect(holders(running)[1]).toMatchObject({ unit: "0", shared: false });
    expect(running.log()).not.toContain("does not get app:Model");
    await eventually("it serves", async () =>
      (await ask(running.target, "/")).body.includes('"version":"1"'),
    );
  });

  test("makes it no worker that has served: a start in which all die ends with the reason", async () => {
    const running = await start([], {
      files: { "main.mjs": `${SPAWN}\n${lastWords({ type: "ready" })}\nexport default () => {};` },
      args: ["main.mjs"],
      until: "",
    });
    expect((await running.exited(50_000)).code).toBe(3);
    await eventually("it says why", () => running.errors() !== "");
    expect(running.errors()).toContain(
      "The http worker cannot start: it ended with signal SIGKILL before it was ready",
    );
    expect(running.log()).not.toMatch(/http worker \d+ is ready/);
  });
});
