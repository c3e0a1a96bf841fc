import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { hashFiles, readIfThere } from "./files.mjs";
import { root } from "./root.mjs";
import { run } from "./run.mjs";

const stampPath = join(root, "node_modules/.tsunicorn-installed");
const DEPENDENCY_FIELDS = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/** Names of the workspaces' folders, as package.json lists them. */
function workspaces() {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")).workspaces;
}

/**
 * What the installed packages depend on: the lock file, the package.json files, and the machine that binaries
 * were installed for.
 * @returns {string}
 */
export function installStamp() {
  const manifests = [
    "package-lock.json",
    "package.json",
    ...workspaces().map((name) => `${name}/package.json`),
  ];
  const machine = `${process.platform}-${process.arch}-${process.versions.modules}`;
  return `${hashFiles(
    root,
    manifests.map((name) => join(root, name)),
  )} ${machine}`;
}

/** Whether a package that the lock file marks optional is one that this very machine needs. */
function isForThisMachine({ os, cpu, libc }) {
  if (!os || !cpu) return false;
  if (!os.includes(process.platform) || !cpu.includes(process.arch)) return false;
  const glibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
  return !libc || libc.includes(glibc ? "glibc" : "musl");
}

function sameDependencies(locked, manifest) {
  return DEPENDENCY_FIELDS.every((field) => {
    const entries = (value) => JSON.stringify(Object.entries(value?.[field] ?? {}).sort());
    return entries(locked) === entries(manifest);
  });
}

/**
 * Compares npm's own record of what it installed with the lock file. So a tree that was installed by hand (`npm ci`) is
 * taken as it is, not installed a second time.
 * @param {Record<string, any>} lock package-lock.json
 * @param {Record<string, any>} installed node_modules/.package-lock.json
 * @param {Record<string, any>} manifests package.json by folder, "" for the root's
 * @returns {boolean}
 */
export function matchesLock(lock, installed, manifests) {
  for (const [folder, manifest] of Object.entries(manifests)) {
    if (!sameDependencies(lock.packages[folder], manifest)) return false;
  }
  for (const [path, wanted] of Object.entries(lock.packages)) {
    if (!path.startsWith("node_modules/")) continue;
    const found = installed.packages[path];
    if (!found) {
      if (wanted.optional && !isForThisMachine(wanted)) continue;
      return false;
    }
    if (found.version !== wanted.version || found.integrity !== wanted.integrity) return false;
  }
  return true;
}

function isWhatTheLockSays() {
  const record = readIfThere(join(root, "node_modules/.package-lock.json"));
  if (record === undefined) return false;
  const read = (folder) => JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const manifests = Object.fromEntries(["", ...workspaces()].map((folder) => [folder, read(folder)]));
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return matchesLock(lock, JSON.parse(record), manifests);
}

/**
 * Says whether the packages are there as the lock file wants them.
 * @param {string} stamp of installStamp()
 * @returns {boolean}
 */
export function isInstalled(stamp) {
  return readIfThere(stampPath) === stamp;
}

/**
 * Takes a tree that npm itself installed from this lock file as installed, also after a change to a package.json
 * that touches no dependency.
 * @param {string} stamp of installStamp()
 * @returns {boolean} whether it could
 */
export function adoptInstalled(stamp) {
  // Binaries installed for another machine, or another Node, look the same in npm's record.
  const old = readIfThere(stampPath);
  if (old !== undefined && old.split(" ")[1] !== stamp.split(" ")[1]) return false;
  if (!isWhatTheLockSays()) return false;
  writeFileSync(stampPath, stamp);
  return true;
}

/**
 * Installs exactly what the lock file says.
 * @param {string} stamp of installStamp()
 */
export async function install(stamp) {
  rmSync(stampPath, { force: true });
  // Named kinds win over NODE_ENV=production and the user's "omit", without which nothing could be built.
  const args = ["ci", "--include=dev", "--include=optional", "--include=peer"];
  args.push("--no-audit", "--no-fund", "--loglevel=error");
  const cli = process.env.npm_execpath;
  if (cli && basename(cli) === "npm-cli.js") await run("npm ci", process.execPath, [cli, ...args]);
  else await run("npm ci", "npm", args);
  writeFileSync(stampPath, stamp);
}
