/** The server as process 1 of a container, which gets every process whose parent has ended. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
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
  if (NO_NAMESPACE !== undefined) skip(NO_NAMESPACE);
  // A child whose parent ends at once: it is process 1's from then on.
  folder = temporaryFolder({
    "main.mjs": `import { spawn } from "node:child_process";
      export default (request, response) => {
        spawn("sh", ["-c", "(sleep 0.1; exit 0) & exit 0"], { stdio: "ignore" }).once("exit", () => response.end("yes"));
      };`,
  });
});

afterEach(() => {
  outside?.kill("SIGKILL");
  removeFolder(folder);
});

const start = async () => {
  const url = `127.0.0.1:${await freePort()}`;
  outside = spawn("unshare", [...UNSHARE, process.execPath, BIN, "main.mjs", "--bind", url], {
    cwd: folder,
    // Killed as a whole, it cannot take its private folder away: that goes with the test's.
    env: { ...process.env, TMPDIR: folder },
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

const zombies = (): number =>
  readdirSync("/proc").filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
      return stat[0] === "Z" && Number(stat[1]) === processOne();
    } catch {
      return false;
    }
  }).length;

const processOne = (): number =>
  Number(readFileSync(`/proc/${outside?.pid}/task/${outside?.pid}/children`, "utf8").split(" ")[0]);

test("it reaps them where Node can be replaced, and says what is missing where it cannot", async () => {
  const url = await start();
  if (!("execve" in process)) {
    expect(said).toContain("start the container with an init");
    return;
  }
  for (let n = 0; n < 5; n++) await fetch(url);
  await eventually("all were reaped", () => zombies() === 0);
  const ended = new Promise((resolve) => outside?.once("exit", resolve));
  process.kill(processOne(), "SIGTERM");
  expect(await ended).toBe(0);
});
