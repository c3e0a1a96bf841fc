/** What workers leave behind in their process groups ends with them. */
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  eventually,
  isAlive,
  type RunningServer,
  removeFolder,
  startServer,
  temporaryFolder,
} from "./harness.ts";

// Children that hold nothing of the server, of which one does not heed TERM.
const FILES = {
  "main.mjs": `import { spawn } from "node:child_process";
    const start = (script) => spawn("sh", ["-c", script], { stdio: "ignore" }).pid;
    const pids = [process.pid, start("exec sleep 1000"), start("trap '' TERM; while :; do sleep 1; done")];
    export default (request, response) => response.end(JSON.stringify(pids));`,
};

let folder: string;
let server: RunningServer;

beforeEach(async () => {
  folder = temporaryFolder(FILES);
  server = await startServer({ args: ["main.mjs", "--graceful-timeout", "1"], cwd: folder });
});

afterEach(async () => {
  await server.stop();
  removeFolder(folder);
});

const pids = async (): Promise<number[]> => (await fetch(server.url)).json() as Promise<number[]>;
const over = (all: number[]) => eventually("worker and children have ended", () => !all.some(isAlive));

test("a worker that is killed takes its children along, and its successor serves", async () => {
  const [worker = 0, ...children] = await pids();
  process.kill(worker, "SIGKILL");
  await over([worker, ...children]);
  expect((await pids())[0]).not.toBe(worker);
});

test("a worker that stops takes its children along before the server has ended", async () => {
  const all = await pids();
  server.signal("SIGTERM");
  expect(await server.exited()).toMatchObject({ code: 0 });
  expect(all.filter(isAlive)).toEqual([]);
});

test("when the arbiter is killed the children of its workers go, too", async () => {
  const all = await pids();
  server.signal("SIGKILL");
  await over(all);
});

test("also when the worker is killed with it", async () => {
  const all = await pids();
  server.signal("SIGKILL");
  process.kill(all[0] ?? 0, "SIGKILL");
  await over(all);
});
