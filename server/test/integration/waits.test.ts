/** Every wait has an end, also with an app that ignores its signal, whose client is long gone, or that never loads. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { call, ECHO_FILES, type EchoServer, echoServers, events, failureIn, stream } from "./echo-app.ts";
import { eventually, isAlive } from "./harness.ts";
import { ask, RawConnection } from "./http-tools.ts";
import { JobServer } from "./jobs-app.ts";

const start = echoServers();

let jobs: JobServer | undefined;

afterEach(async () => {
  await jobs?.stop();
  jobs = undefined;
});

describe("a worker whose init() never ends, in a running server,", () => {
  test("is replaced after dirtyInitTimeout; what waits for it ends with dirtyQueueTimeout, and it recovers", async () => {
    const server = await start(["--dirty-init-timeout", "2.5", "--dirty-queue-timeout", "0.8"], {
      files: {
        ...ECHO_FILES,
        "app.mjs": ECHO_FILES["app.mjs"].replace(
          "init() {",
          'async init() { while (existsSync("hold")) await sleep(20);',
        ),
      },
    });
    writeFileSync(join(server.folder, "hold"), "");
    const [worker = 0] = server.pids("dirty worker");
    process.kill(worker, "SIGKILL");
    await eventually("it is gone", () => !isAlive(worker));
    const { status, body } = await ask(server.target, "/call/Echo/count");
    expect({ status, ...failureIn(body) }).toMatchObject({ status: 500, code: "DIRTY_QUEUE_TIMEOUT" });
    expect(failureIn(body).ms).toBeGreaterThanOrEqual(790);
    await server.logged("it was not ready after 2.5 s");
    rmSync(join(server.folder, "hold"));
    await eventually("it is served again", async () => {
      return (await ask(server.target, "/call/Echo/count")).status === 200;
    });
  });
});

/** Seconds. */
const TIMEOUT = 1;
const GRACE = 0.5;

describe("a run that ignores its signal, and whose client has left,", () => {
  test.each([
    ["waits without end", "deaf", []],
    ["spins in a loop", "spin", [60_000]],
    ["is in a worker that is stopped", "work", [60_000]],
  ] as const)(
    "and that %s has its worker replaced once its time and grace are over; then the next is served",
    async (how, action, args) => {
      jobs = await JobServer.start(
        ["One"],
        ["--dirty-timeout", `${TIMEOUT}`, "--dirty-abort-grace", `${GRACE}`],
      );
      const [worker = 0] = jobs.running.pids("dirty worker");
      const id = jobs.newId();
      const client = await RawConnection.to(jobs.target);
      const { headers, body = "" } = jobs.request({ app: "One", action, args: [...args], id });
      const lines = Object.entries({ ...headers, "content-length": Buffer.byteLength(body) });
      client.send(
        `POST / HTTP/1.1\r\nhost: localhost\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`,
      );
      const { at: began } = await jobs.noted(id, "began");
      if (how.endsWith("stopped")) process.kill(worker, "SIGSTOP");
      client.leave();
      // Its place is not given away before.
      const next = await jobs.call({ app: "One", action: "pid" });
      expect(next.error).toBeUndefined();
      expect(next.result).not.toBe(worker);
      expect(isAlive(worker)).toBe(false);
      expect(next.endedAt - began).toBeGreaterThanOrEqual((TIMEOUT + GRACE) * 1000 - 50);
      expect(jobs.running.log()).toMatch(
        `dirty worker ${worker} is replaced: a run of app:One did not end within its time`,
      );
    },
  );
});

describe("SIGTERM, with a run that ignores its signal and", () => {
  const LIMITS = ["--graceful-timeout", "1", "--dirty-graceful-timeout", "1", "--dirty-abort-grace", "0.5"];

  async function expectToStop(server: EchoServer): Promise<void> {
    const began = Date.now();
    server.signal("SIGTERM");
    expect(await server.exited()).toEqual({ code: 0, signal: null });
    expect(Date.now() - began).toBeGreaterThanOrEqual(900);
  }

  test("waits without end: its client is cut, and the server stops within its limits", async () => {
    const server = await start(LIMITS);
    const pending = call(server.target, "Echo.hold", 600_000, "deaf").catch((error: unknown) => error);
    await eventually("it runs", () => events(server.folder).some(({ label }) => label === "deaf"));
    await expectToStop(server);
    expect(await pending).toBeInstanceOf(Error);
    expect(events(server.folder).some(({ what, label }) => what === "cancelled" && label === "deaf")).toBe(
      true,
    );
  });

  test("spins in a loop: the server stops within its limits", async () => {
    const server = await start(LIMITS);
    const pending = call(server.target, "Echo.spin", 600_000).catch((error: unknown) => error);
    await eventually("it spins", () => events(server.folder).some(({ what }) => what === "spins"));
    await expectToStop(server);
    expect(await pending).toBeInstanceOf(Error);
  });

  test("is in a worker that is stopped, as its HTTP worker is: the server stops within its limits", async () => {
    const server = await start(LIMITS);
    const running = await stream(server.target, "Echo.ticks", [100_000, 20]);
    for (const kind of ["dirty worker", "http worker"]) {
      for (const pid of server.pids(kind)) process.kill(pid, "SIGSTOP");
    }
    await expectToStop(server);
    await running.ended();
    expect(running.complete).toBe(false);
  });
});
