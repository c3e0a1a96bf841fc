/** The server as process 1 of a container, which gets every process whose parent has ended. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "./free-port.ts";
import { eventually, removeFolder, temporaryFolder } from "./harness.ts";

const BIN = fileURLToPath(new URL("../../bin/tsunicorn.mjs", import.meta.url));
const UNSHARE = ["--pid", "--fork", "--mount-proc", "--kill-child"];
const NO_NAMESPACE =
  spawnSync("unshare", [...UNSHARE, "true"]).status === 0
    ? undefined
    : "no process namespace can be made here (unshare --pid)";

let folder: string;
let outside: ChildProcess | undefined;
let said = "";

beforeEach(({ skip }) => {
  said = "";
  if (NO_NAMESPACE !== undefined) skip(NO_NAMESPACE);
  // A child whose parent ends at once: it is process 1's from then on.
  folder = temporaryFolder({
    "main.mjs": `import { spawn } from "node:child_process";
      export default (request, response) => {
        spawn("/bin/sh", ["-c", "(/bin/sleep 0.1; exit 0) & exit 0"], { stdio: "ignore" }).once("exit", () => response.end("yes"));
      };`,
  });
});

afterEach(() => {
  outside?.kill("SIGKILL");
  removeFolder(folder);
});

const start = async (env: NodeJS.ProcessEnv = {}) => {
  const url = `127.0.0.1:${await freePort()}`;
  outside = spawn("unshare", [...UNSHARE, process.execPath, BIN, "main.mjs", "--bind", url], {
    cwd: folder,
    // Killed as a whole, it cannot take its private folder away: that goes with the test's.
    env: { ...process.env, TMPDIR: folder, ...env },
    stdio: ["ignore", "inherit", "pipe"],
  });
  outside.stderr?.on("data", (data: Buffer) => {
    said += data.toString();
  });
  await eventually("it answers", () =>
    fetch(`http://${url}`).then(
      (answer) => answer.ok,
      () => false,
    ),
  );
  return `http://${url}`;
};

/** What the requests have left behind, alive or not reaped: it keeps its name. */
const left = (): number =>
  descendants(processOne()).filter((pid) => /^\d+ \((sh|sleep)\)/.test(statOf(pid))).length;

function descendants(pid: number): number[] {
  const below = childrenOf(pid);
  return [...below, ...below.flatMap(descendants)];
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return "";
  }
}

const processOne = (): number => childrenOf(outside?.pid ?? 0)[0] ?? 0;

test("it reaps them, and ends as the server does", async ({ skip }) => {
  if (!("execve" in process) && spawnSync("perl", ["-e", "1"]).status !== 0)
    skip("this Node cannot be replaced by a program, and there is no perl");
  const url = await start();
  for (let n = 0; n < 5; n++) await fetch(url);
  await eventually("all were reaped", () => left() === 0);
  expect(said).not.toContain("init");
  const ended = new Promise((resolve) => outside?.once("exit", resolve));
  process.kill(processOne(), "SIGTERM");
  expect(await ended).toBe(0);
});

test("it says what is missing where there is no perl, or its sockets are meant for process 1", async () => {
  const unshare = (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((place) => join(place, "unshare"))
    .find(existsSync);
  symlinkSync(unshare ?? "", join(folder, "unshare"));
  const url = await start("execve" in process ? { LISTEN_PID: "1", LISTEN_FDS: "0" } : { PATH: folder });
  expect(await (await fetch(url)).text()).toBe("yes");
  expect(said).toContain("start the container with an init");
});
