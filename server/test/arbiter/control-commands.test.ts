import { describe, expect, test } from "vitest";
import { COMMANDS, findCommand } from "../../src/arbiter/control-commands.ts";
import type { Settings } from "../../src/config/settings.ts";
import { FakeTarget } from "./fake-target.ts";

/** Carries a command line out. */
async function carryOut(line: string, target = new FakeTarget()): Promise<unknown> {
  const { command, args } = findCommand(line.split(" "));
  return command.run(target, ...args);
}

const about = (value: number) => expect.closeTo(value, 0);

test("show workers tells of each HTTP worker what it does", async () => {
  expect(await carryOut("show workers")).toEqual({
    target: 2,
    workers: [
      {
        pid: 101,
        id: 1,
        state: "ready",
        answered: true,
        generation: 1,
        age: about(60),
        heard: about(0.5),
        requests: 1234,
        inProgress: 2,
        connections: 3,
        rss: 60 * 1024 ** 2,
        loop: 0.125,
      },
      {
        pid: 102,
        id: 2,
        state: "starting",
        answered: false,
        generation: 1,
        age: about(60),
        heard: about(0.5),
        requests: null,
        inProgress: null,
        connections: null,
        rss: null,
        loop: null,
      },
    ],
  });
});

test("show dirty tells of each dirty worker what it and the dirty arbiter say", async () => {
  expect(await carryOut("show dirty")).toMatchObject({
    target: 1,
    failing: null,
    arbiter: { pid: 103, state: "ready", answered: true, rss: 50 * 1024 ** 2 },
    workers: [
      {
        pid: 104,
        apps: ["chat:Chat"],
        runs: 9,
        running: 1,
        connected: true,
        silent: false,
        load: 0.25,
        leases: 1,
      },
    ],
  });
});

test("show apps, queues and streams tell what the dirty arbiter knows", async () => {
  expect(await carryOut("show apps")).toEqual([
    { app: "chat:Chat", workers: 1, pids: [104], running: 1, places: 4, queued: 2 },
  ]);
  expect(await carryOut("show queues")).toEqual([
    { app: "chat:Chat", queued: 2, limit: 1024, oldestWait: 1.25, timeout: 30, retryAfter: 3 },
  ]);
  expect(await carryOut("show streams")).toEqual({
    total: 1,
    streams: [{ slot: 77, app: "chat:Chat", pid: 104, state: "running", age: 61.5, left: 238.5 }],
  });
});

test("show stats sums up the server", async () => {
  expect(await carryOut("show stats")).toMatchObject({
    pid: 100,
    name: "shop",
    state: "running",
    config: null,
    uptime: about(192),
    generation: 1,
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    node: process.version,
    httpWorkers: { target: 2, ready: 1 },
    dirtyWorkers: { target: 1, ready: 1 },
    requests: 1234,
    inProgress: 2,
    connections: 3,
    running: 1,
    queued: 2,
    silent: 0,
    restarts: [{ kind: "dirty-worker", reason: "hung run", count: 2 }],
  });
});

test("show listeners names the sockets", async () => {
  expect(await carryOut("show listeners")).toEqual([
    { serves: "http", url: "http://127.0.0.1:8000" },
    { serves: "control", url: "unix:/tmp/c.sock" },
  ]);
});

test("show config has every setting, and no secret", async () => {
  const secret: Partial<Settings> = { bind: ["unix:/run/token=abc"], dirtyApps: ["//me:hush@host/a:App"] };
  const config = await carryOut("show config", new FakeTarget(secret));
  expect(config).toContainEqual({ name: "workers", value: 1, source: "default" });
  expect(config).toContainEqual({ name: "config", value: null, source: "default" });
  expect(config).toContainEqual({ name: "keepalive", value: 5, source: "default" });
  expect(config).toContainEqual({ name: "bind", value: ["unix:/run/token=(hidden)"], source: "default" });
  expect(JSON.stringify(config)).not.toContain("hush");
});

test("show all has everything else", async () => {
  const target = new FakeTarget();
  const all = (await carryOut("show all", target)) as Record<string, unknown>;
  for (const part of ["workers", "dirty", "apps", "queues", "streams", "listeners"]) {
    // Ages go on; what was compared above need not be compared to the millisecond.
    expect(Object.keys(all[part] as object)).toEqual(
      Object.keys((await carryOut(`show ${part}`, target)) as object),
    );
  }
  expect(all["stats"]).toMatchObject({ name: "shop" });
  expect(JSON.stringify(all)).not.toContain("keepalive");
});

describe("a process that does not answer", () => {
  test("is shown with what the arbiter knows", async () => {
    const target = new FakeTarget();
    target.reports.delete(101);
    expect(await carryOut("show workers", target)).toMatchObject({
      workers: [{ pid: 101, state: "ready", answered: false, requests: null, rss: null }, { pid: 102 }],
    });
    expect(await carryOut("show stats", target)).toMatchObject({ silent: 1, requests: 0 });
  });

  test.each(["show apps", "show queues", "show streams"])(
    "the dirty arbiter: %s says so, show all and show dirty show the rest",
    async (line) => {
      const target = new FakeTarget();
      target.reports.delete(103);
      await expect(carryOut(line, target)).rejects.toThrow("The dirty arbiter does not answer");
      expect(await carryOut("show all", target)).toMatchObject({ apps: null, queues: null, streams: null });
      expect(await carryOut("show dirty", target)).toMatchObject({
        arbiter: { answered: false },
        workers: [{ pid: 104, runs: 9, connected: null, load: null }],
      });
    },
  );

  test("is not asked while it starts: it may be busy loading its app", async () => {
    const target = new FakeTarget();
    const asked: number[] = [];
    target.report = async (pid) => void asked.push(pid);
    await carryOut("show all", target);
    expect(asked).toEqual([101, 103, 104]);
  });
});

test.each([
  ["worker add", ["scale", "http-worker", 1], { kind: "http-worker", target: 3 }],
  ["worker add 5", ["scale", "http-worker", 5], { kind: "http-worker", target: 7 }],
  ["worker remove 1", ["scale", "http-worker", -1], { kind: "http-worker", target: 1 }],
  ["dirty add 2", ["scale", "dirty-worker", 2], { kind: "dirty-worker", target: 3 }],
  ["dirty remove", ["scale", "dirty-worker", -1], { kind: "dirty-worker", target: 0 }],
  [
    "dirty add 2 chat",
    ["scale", "dirty-worker", 2, "chat"],
    { kind: "dirty-worker", target: 3, app: "chat" },
  ],
  ["worker kill 101", ["kill", "http-worker", 101], { kind: "http-worker", killed: 101 }],
  ["dirty kill 104", ["kill", "dirty-worker", 104], { kind: "dirty-worker", killed: 104 }],
  ["dirty kill 103", ["kill", "dirty-arbiter", 103], { kind: "dirty-arbiter", killed: 103 }],
  ["reload", "reload", { message: "generation 2 serves" }],
  ["reopen", "reopen", {}],
  ["shutdown", ["stop", true], { shutdown: "graceful" }],
  ["shutdown graceful", ["stop", true], { shutdown: "graceful" }],
  ["shutdown quick", ["stop", false], { shutdown: "quick" }],
])("%s reaches the arbiter", async (line, done, result) => {
  const target = new FakeTarget();
  expect(await carryOut(line, target)).toEqual(result);
  expect(target.done).toEqual([done]);
});

test.each([
  ["worker kill 104", "This server has no HTTP worker with process id 104."],
  ["worker kill 100", "This server has no HTTP worker with process id 100."],
  ["dirty kill 101", "This server has no dirty worker or dirty arbiter with process id 101."],
  [`dirty kill ${process.pid}`, "This server has no dirty worker or dirty arbiter"],
])("%s is refused: kill takes only the server's own children of that kind", async (line, reason) => {
  const target = new FakeTarget();
  await expect(carryOut(line, target)).rejects.toThrow(reason);
  expect(target.done).toEqual([]);
});

test("what the arbiter refuses is refused with its reason", async () => {
  const target = new FakeTarget();
  target.refusal = "the new app does not load";
  await expect(carryOut("reload", target)).rejects.toThrow("the new app does not load");
  await expect(carryOut("dirty remove", target)).rejects.toThrow("the new app does not load");
});

test.each([
  ["", "no command was given"],
  ["show", "show what? one of all, stats, workers, dirty, apps, queues, streams, config, listeners"],
  ["worker", "worker what? one of add, remove, kill"],
  ["show worker", "unknown command: show worker (did you mean show workers?)"],
  ["relaod", "unknown command: relaod (did you mean reload?)"],
  ["reload now", "reload takes no argument"],
  ["worker add 1 2", "worker add takes nothing but [N]"],
  ["dirty add 1 chat now", "dirty add takes nothing but [N] [APP]"],
  ["dirty add chat", '"chat" is not a number from 1 to 1000'],
  ["worker kill", "worker kill needs an argument: worker kill PID"],
  ["worker add -1", '"-1" is not a number from 1 to 1000'],
  ["worker add 0", '"0" is not a number from 1 to 1000'],
  ["worker add 1001", '"1001" is not a number from 1 to 1000'],
  ["dirty remove 1.5", '"1.5" is not a number from 1 to 1000'],
  ["dirty kill 0x10", '"0x10" is not a process id'],
  ["shutdown now", 'shutdown graceful or shutdown quick, not "now"'],
  ["toString", "unknown command: toString"],
])("%j is told what is wrong with it", (line, reason) => {
  expect(() => findCommand(line === "" ? [] : line.split(" "))).toThrow(reason);
});

test("every command has one sentence of help that fits a line, and a name of its own", () => {
  for (const { name, argument = "", help } of COMMANDS) {
    expect(help).toMatch(/^[A-Z].*\.$/);
    expect(`${name} ${argument}`.length + help.length).toBeLessThan(100);
  }
  expect(new Set(COMMANDS.map(({ name }) => name)).size).toBe(COMMANDS.length);
});
