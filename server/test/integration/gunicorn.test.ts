/** A server whose dirty apps run in a Gunicorn: its HTTP workers call them, and it has no dirty side of its own. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { expectWithin } from "../promised-time.ts";
import { GunicornStandIn } from "../python/gunicorn-stand-in.ts";
import { NO_PYTHON } from "../python/python.ts";
import { eventually } from "./harness.ts";
import { RawConnection } from "./http-tools.ts";
import { JobServer } from "./jobs-app.ts";

const BIN = fileURLToPath(new URL("../../bin/tsunicorn.mjs", import.meta.url));
const JOBS = "jobs:Jobs";

let gunicorn: GunicornStandIn;
let server: JobServer;

beforeAll(async () => {
  if (NO_PYTHON !== undefined) return;
  gunicorn = await GunicornStandIn.start();
  server = await JobServer.start(
    [],
    [
      ...["--dirty-socket", `unix:${gunicorn.path}`, "--dirty-app", JOBS, "--workers", "2"],
      ...["--control-socket", join(gunicorn.folder, "ctl.sock")],
    ],
  );
});

beforeEach(({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
});

afterAll(async () => {
  await server?.stop();
  await gunicorn?.stop();
});

async function leftAt(before: number): Promise<number> {
  const note = await eventually("Gunicorn saw it leave", () => gunicorn.notes("left").slice(before).at(-1));
  return note.at;
}

test("it starts no dirty arbiter and no dirty worker, and is ready with Gunicorn's apps", async () => {
  expect(server.running.pids("dirty")).toEqual([]);
  const workers = server.running.pids("http worker");
  expect(workers).toHaveLength(2);
  for (const pid of workers) {
    expect(readFileSync(`/proc/${pid}/environ`, "latin1").split("\0")).toContain(
      `TSUNICORN_DIRTY_SOCKET=${gunicorn.path}`,
    );
  }
  expect(await server.call({ app: JOBS, action: "", kind: "status" })).toMatchObject({
    ready: true,
    apps: [{ app: JOBS, workers: 1 }],
  });
});

test("HTTP workers have results and streams of Gunicorn's apps", async () => {
  const { result } = await server.call({ app: JOBS, action: "add", args: [40, 2] });
  expect(result).toBe(42);
  for (const kind of ["stream", "batches"]) {
    const stream = await server.stream({ app: JOBS, action: "ticks", args: [5, 1], kind });
    expect(await stream.over()).toMatchObject({ ended: true });
    expect(stream.chunks).toEqual([0, 1, 2, 3, 4]);
  }
});

test("errors have their classes and codes", async () => {
  const failed = await server.call({ app: JOBS, action: "fails", args: ["no"] });
  expect(failed.error).toMatchObject({ name: "DirtyAppError", code: "DIRTY_APP", message: "no" });
  // Its traceback is for the log.
  expect(failed.error?.details).toEqual({ app_path: JOBS, action: "fails" });
  const late = await server.call({ app: JOBS, action: "hangs", timeout: 0.2 });
  expect(late.error).toMatchObject({ name: "DirtyTimeoutError", code: "DIRTY_TIMEOUT" });
  const missing = await server.call({ app: "no.such:App", action: "x" });
  expect(missing.error).toMatchObject({ code: "DIRTY_NO_WORKERS" });
});

test("a client that leaves has its run cancelled within 100 ms: the connection closes", async (context) => {
  await expectWithin(context, 100, async () => {
    const stream = await server.stream({ app: JOBS, action: "ticks", args: [10_000, 5] });
    await stream.has(3);
    const before = gunicorn.notes("left").length;
    const left = Date.now();
    stream.leave();
    return (await leftAt(before)) - left;
  });
});

test("a client that does not read stops the app, and no other client", async () => {
  const { body = "" } = server.request({ app: JOBS, action: "flood", args: [20_000, 2000], kind: "stream" });
  const client = await RawConnection.to(server.target);
  await client.send(
    `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${String(body)}`,
  );
  await client.has("0000");
  client.pause();
  const yielded = () => Number(gunicorn.notes("yield").at(-1)?.["n"] ?? -1);
  let last = -1;
  let since = 0;
  await eventually(
    "the app stands",
    () => {
      if (yielded() !== last) {
        last = yielded();
        since = Date.now();
      }
      return last > 0 && Date.now() - since > 500;
    },
    50_000,
  );
  // Of 40 MB.
  expect(last).toBeLessThan(10_000);
  expect((await server.call({ app: JOBS, action: "add", args: [1, 1] })).result).toBe(2);
  const before = gunicorn.notes("left").length;
  client.leave();
  await leftAt(before);
});

test("tsunicorn ctl says where the dirty apps are, and leaves them alone", () => {
  const ctl = (...words: string[]): string => {
    const socket = join(gunicorn.folder, "ctl.sock");
    const { stdout, stderr } = spawnSync(process.execPath, [BIN, "ctl", "--socket", socket, ...words]);
    return String(stdout) + String(stderr);
  };
  expect(ctl("show", "dirty")).toContain(`The dirty apps are in the Gunicorn at ${gunicorn.path}.`);
  expect(ctl("show", "apps")).toContain(`in the Gunicorn at ${gunicorn.path}, which alone shows them`);
  expect(ctl("show", "all")).toMatch(/HTTP workers +2 of 2 ready.*Queues\n {2}Gunicorn's\./s);
  expect(ctl("dirty", "add")).toContain("The dirty apps are in Gunicorn, and so are their workers.");
});

test("a reload goes on with the same Gunicorn, and loses no stream", async () => {
  const stream = await server.stream({ app: JOBS, action: "ticks", args: [150, 10] });
  await stream.has(1);
  const before = server.running.pids("http worker");
  server.running.signal("SIGHUP");
  await server.running.logged("reloaded in", 60_000);
  expect((await server.call({ app: JOBS, action: "add", args: [1, 1] })).result).toBe(2);
  expect(await stream.over(50_000)).toMatchObject({ ended: true });
  expect(stream.chunks).toHaveLength(150);
  await eventually("the old workers are gone", () =>
    before.every((pid) => !server.running.pids("http worker").includes(pid)),
  );
});

test("a Gunicorn that is gone is an error at once and not ready, and all is well when it is back", async () => {
  const status = () => server.call({ app: JOBS, action: "", kind: "status" });
  await gunicorn.kill();
  const gone = await server.call({ app: JOBS, action: "add", args: [1, 1] });
  expect(gone.error).toMatchObject({ name: "DirtyConnectionError", code: "DIRTY_CONNECTION" });
  expect(gone.error?.message).toContain("start Gunicorn again");
  await eventually("the server is not ready", async () => (await status())["ready"] === false);
  await gunicorn.start();
  expect((await server.call({ app: JOBS, action: "add", args: [1, 1] })).result).toBe(2);
  await eventually("all are ready", async () => (await status())["ready"] === true);
});

test("another dirtySocket needs a restart; and a killed arbiter's workers end, and leave nothing behind", async () => {
  const socket = join(gunicorn.folder, "http.sock");
  const config = `export default { dirtySocket: ${JSON.stringify(gunicorn.path)} };`;
  const other = await JobServer.start([], ["--bind", `unix:${socket}`], { "tsunicorn.config.mjs": config });
  writeFileSync(join(other.folder, "tsunicorn.config.mjs"), "export default {};");
  other.running.signal("SIGHUP");
  await other.running.logged(
    "the reload is given up, and the old workers go on serving: the setting dirtySocket has changed",
  );
  expect(existsSync(socket)).toBe(true);
  other.running.signal("SIGKILL");
  await eventually("every worker has ended", () => other.running.pids("http worker").length === 0, 50_000);
  expect(existsSync(socket)).toBe(false);
  // It fails where a folder is left.
  await other.stop();
});
