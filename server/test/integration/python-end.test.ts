/** What is left of an app in Python when its worker ends, and what it can do to the server's log. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NO_PYTHON } from "../python/python.ts";
import { eventually, isAlive } from "./harness.ts";
import type { JobServer } from "./jobs-app.ts";
import { startPythonJobs } from "./python-server.ts";

const APP = `import asyncio, atexit, logging, logging.config, multiprocessing, os, tempfile, threading, time

def note(text):
    with open("ended", "a") as file:
        file.write(text + "\\n")

def sleep():
    time.sleep(1000)

class App:
    concurrency = 2
    def init(self):
        atexit.register(note, "atexit")
        self.file = open("buffered", "w")
        self.file.write("text of the app")
        self.folder = tempfile.TemporaryDirectory(dir=os.getcwd())
        self.child = multiprocessing.get_context("fork").Process(target=sleep, daemon=True)
        self.child.start()
        self.other = multiprocessing.get_context("fork").Process(target=sleep)
        self.other.start()
    async def background(self):
        async def task():
            try:
                await asyncio.sleep(1000)
            finally:
                note("finally")
        self.task = asyncio.ensure_future(task())
        await asyncio.sleep(0)
        return {"folder": self.folder.name, "pids": [os.getpid(), self.child.pid, self.other.pid]}
    def close(self):
        note("close")
    def silence(self):
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": True, "root": {"level": "CRITICAL"}})
        logging.disable(logging.CRITICAL)
        logging.getLogger("tsunicorn").disabled = True
    def fail(self):
        raise RuntimeError("told all the same")
    def empty(self):
        raise ValueError
    def extra(self):
        logging.getLogger("app").warning("with fields", extra={
            "tokens": 3, "level": "odd", "ratio": float("nan"), "at": object, "deep": {"a": [1, (2,)]}})
    def fork(self):
        if os.fork() == 0:
            return "the child's"
        return "the parent's"
`;
const NAME = "python:ending:App";

let server: JobServer;

beforeEach(async ({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
  server = await startPythonJobs([], ["--dirty-app", NAME, "--dirty-graceful-timeout", "5"], {
    "ending.py": APP,
  });
});

afterEach(async () => {
  await server.stop();
});

const call = (action: string) => server.call({ app: NAME, action });
const facts = async () => (await call("background")).result as { folder: string; pids: number[] };

test("a stop ends Python as any program of it: tasks, atexit, files, folders and children", async () => {
  const { folder, pids } = await facts();
  server.running.signal("SIGTERM");
  expect(await server.running.exited()).toMatchObject({ code: 0 });
  expect(readFileSync(join(server.folder, "ended"), "utf8")).toBe("close\nfinally\natexit\n");
  expect(readFileSync(join(server.folder, "buffered"), "utf8")).toBe("text of the app");
  expect(existsSync(folder)).toBe(false);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(server.running.log()).not.toContain("is killed");
});

test("the children of a worker that is killed go with it", async () => {
  const { pids } = await facts();
  process.kill(pids[0] ?? 0, "SIGKILL");
  await eventually("worker and children have ended", () => !pids.some(isAlive));
});

test("an app that silences every logger does not silence the server", async () => {
  await call("silence");
  await call("fail");
  await server.running.logged(/RuntimeError: told all the same/);
});

test("an error without text is told by its class", async () => {
  expect((await call("empty")).error).toMatchObject({ message: "ValueError" });
});

test("extra fields are in the log, and the line is JSON", async () => {
  await call("extra");
  await server.running.logged("with fields");
  const line =
    server.running
      .log()
      .split("\n")
      .find((each) => each.includes("with fields")) ?? "";
  expect(JSON.parse(line)).toMatchObject({
    level: "warn",
    "extra.level": "odd",
    tokens: 3,
    ratio: "nan",
    at: "<class 'object'>",
    deep: { a: [1, [2]] },
  });
});

test("a fork that returns from its action ends there, and its parent answers", async () => {
  expect((await call("fork")).result).toBe("the parent's");
  await facts();
});
