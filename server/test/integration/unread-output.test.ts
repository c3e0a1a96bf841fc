import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, constants, existsSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NO_PYTHON } from "../python/python.ts";
import { freePort } from "./free-port.ts";
import { eventually, removeFolder, temporaryFolder } from "./harness.ts";

const BIN = fileURLToPath(new URL("../../bin/tsunicorn.mjs", import.meta.url));
const { O_RDWR, O_WRONLY, O_NONBLOCK } = constants;
const REQUESTS = 2000;
const AT_ONCE = 20;

const FILES = {
  // What an app prints itself goes the same way.
  "main.mjs": `export default (request, response) => {
    if (request.url === "/print") console.log("x".repeat(20_000));
    response.end("ok");
  };`,
  // Runs a command on a terminal that its user has stopped with Ctrl-S.
  "terminal.py": `import os, pty, sys, termios
main, side = pty.openpty()
termios.tcflow(side, termios.TCOOFF)
child = os.fork()
if child == 0:
    os.dup2(side, 1)
    os.dup2(side, 2)
    os.execvp(sys.argv[1], sys.argv[1:])
print(child, flush=True)
_, status = os.wait()
sys.exit(os.waitstatus_to_exitcode(status))
`,
};

let folder: string;
let server: ChildProcess | undefined;
let url: string;
let args: string[];

beforeEach(async () => {
  folder = temporaryFolder(FILES);
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  args = [BIN, "main.mjs", "--bind", `127.0.0.1:${port}`, "--access-log", "--log-format", "json"];
});

afterEach(() => {
  server?.kill("SIGKILL");
  server = undefined;
  removeFolder(folder);
});

const answered = () =>
  eventually("it answers", () =>
    fetch(url).then(
      (response) => response.ok,
      () => false,
    ),
  );

const askOften = async (path: string, times: number) => {
  let left = times;
  const ask = async () => {
    while (left-- > 0) expect(await (await fetch(url + path)).text()).toBe("ok");
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
};

const stopped = (child: ChildProcess) => {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  return ended;
};

/** The server with a pipe as its standard output whose reader reads only at the end. */
test("a pipe that is not read holds up nothing, and its lines are whole and counted", async () => {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const pipe = openSync(path, O_RDWR | O_NONBLOCK);
  // Node has the one that a child gets block, for all that share it.
  const end = openSync(path, O_WRONLY);
  try {
    server = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", end, "inherit"] });
    await answered();
    await askOften("/", REQUESTS);
    let text = "";
    const part = Buffer.alloc(65_536);
    const read = () => {
      try {
        for (;;) text += part.toString("latin1", 0, readSync(pipe, part));
      } catch {
        // Nothing more for now.
      }
    };
    const lines = () =>
      text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line));
    const told = () =>
      lines().reduce(
        (count, { msg }) => count + Number(/^(\d+) lines? of the log could/.exec(msg)?.[1] ?? 0),
        0,
      );
    const logged = () => lines().filter(({ msg }) => msg.startsWith("GET / 200")).length;
    await eventually("every request is logged, or counted", () => {
      read();
      return logged() + told() > REQUESTS;
    });
    expect(await stopped(server)).toBe(0);
    read();
    expect(lines().at(-1)).toMatchObject({ role: "arbiter", msg: "stopped" });
  } finally {
    closeSync(pipe);
    closeSync(end);
  }
});

test("what an app prints into a pipe that is not read holds up nothing and fills no memory", async () => {
  // A pipe that Node makes is a socket, as journald's is: it cannot be opened again.
  server = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  await answered();
  const [worker] = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8")
    .split(" ")
    .filter((pid) => pid !== "" && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("http worker"));
  const residentMb = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${worker}/status`, "utf8"))?.[1]) / 1024;
  await askOften("/", 100);
  const before = residentMb();
  // 40 MB of text.
  await askOften("/print", REQUESTS);
  expect(residentMb() - before).toBeLessThan(30);
  expect(await stopped(server)).toBe(0);
});

test("what a config file and its hooks print into a pipe that is not read holds up neither a reload nor a stop", async () => {
  const noise = (what: string) => `for (let n = 0; n < 50; n++) console.log("${what}".repeat(10_000));`;
  writeFileSync(
    join(folder, "config.mjs"),
    `import { existsSync, writeFileSync } from "node:fs";
    const again = existsSync("again");
    if (again) { ${noise("c")} }
    export default { ${["onReload", "onExit"].map((hook) => `${hook}() { ${noise("h")} writeFileSync("${hook}", ""); }`)} };`,
  );
  writeFileSync(
    join(folder, "main.mjs"),
    `import { existsSync } from "node:fs";
    const text = existsSync("again") ? "new" : "old";
    export default (request, response) => response.end(text);`,
  );
  server = spawn(process.execPath, [...args, "-c", "config.mjs"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  await answered();
  writeFileSync(join(folder, "again"), "");
  server.kill("SIGHUP");
  // On a connection of its own: an old worker may close one as its next request is sent.
  await eventually("the new generation serves", async () => {
    const answer = await fetch(url, { headers: { connection: "close" } });
    return (await answer.text()) === "new";
  });
  await eventually("its hook has run", () => existsSync(join(folder, "onReload")));
  expect(await stopped(server)).toBe(0);
  expect(existsSync(join(folder, "onExit"))).toBe(true);
});

test("a terminal that was stopped with Ctrl-S holds up nothing", async ({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
  server = spawn("python3", ["terminal.py", process.execPath, ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const arbiter = await new Promise((resolve) => server?.stdout?.once("data", resolve));
  await answered();
  await askOften("/print", 200);
  const ended = new Promise((resolve) => server?.once("exit", resolve));
  process.kill(Number(arbiter), "SIGTERM");
  expect(await ended).toBe(0);
});
