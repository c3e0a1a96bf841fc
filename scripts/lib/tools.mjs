import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { run } from "./run.mjs";
import { step } from "./say.mjs";

/** Debian's mirrors answer in seconds; what takes longer than this is a network that drops packets. */
const APT_DEADLINE = 5 * 60 * 1000;

function answers(file, args) {
  const result = spawnSync(file, args, { stdio: "ignore", timeout: 10_000 });
  return result.status === 0;
}

/** Programs that some tests need and npm cannot install: where each may be, and Debian's name for it. */
const TOOLS = [
  {
    name: "Chromium",
    variable: "CHROMIUM",
    // The same engine without windows: its tests take a third less processor time.
    package: "chromium-headless-shell",
    find: () =>
      [
        process.env.CHROMIUM,
        "/usr/bin/chromium-headless-shell",
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
      ].find((path) => path && existsSync(path)),
  },
  {
    name: "Python 3.9 or later",
    variable: "PYTHON",
    package: "python3",
    find: () =>
      [process.env.PYTHON, "python3", "/usr/bin/python3"].find(
        (path) => path && answers(path, ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]),
      ),
  },
  {
    // The server itself looks for it in PATH, and so do its tests.
    name: "systemd-notify",
    variable: "SYSTEMD_NOTIFY",
    package: "systemd",
    find: () => ["systemd-notify"].find((path) => answers(path, ["--version"])),
  },
  {
    name: "nginx",
    variable: "NGINX",
    package: "nginx",
    find: () => [process.env.NGINX, "nginx", "/usr/sbin/nginx"].find((path) => path && answers(path, ["-v"])),
  },
];

function mayInstall() {
  return process.getuid?.() === 0 && answers("apt-get", ["--version"]);
}

async function aptInstall(names) {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const options = { env, timeout: APT_DEADLINE };
  const args = ["install", "--yes", "-qq", "--no-install-recommends", ...names];
  try {
    await run("apt-get install", "apt-get", args, options);
  } catch {
    // Package lists that are missing or old are the usual reason; a second failure is final.
    await run("apt-get update", "apt-get", ["update", "-qq"], options);
    await run("apt-get install", "apt-get", args, options);
  }
}

/**
 * Finds the programs that tests need. The tests learn of Chromium, Python and nginx by the variables CHROMIUM,
 * PYTHON and NGINX, find systemd's commands themselves, and skip with a reason where one is missing.
 * @param {{ install: boolean }} options install: try Debian's packages for what is missing
 * @returns {Promise<Record<string, string>>} the variables of what was found
 */
export async function findTools({ install }) {
  const missing = TOOLS.filter((tool) => !tool.find());
  if (install && missing.length > 0 && mayInstall()) {
    const names = missing.map((tool) => tool.package);
    try {
      await step(`Installing ${names.join(", ")}`, () => aptInstall(names));
    } catch (error) {
      process.stderr.write(`${error.message}: the tests that need ${names.join(" or ")} are skipped\n`);
    }
  }
  const found = {};
  for (const tool of TOOLS) {
    const path = tool.find();
    if (path) found[tool.variable] = path;
  }
  return found;
}
