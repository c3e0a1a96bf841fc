import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readIfThere } from "./files.mjs";
import { cacheDir } from "./root.mjs";
import { run } from "./run.mjs";

/** Downloads of some 100 MB at most: what takes longer than this hangs. */
const DEADLINE = 10 * 60 * 1000;

const folderOf = (name) => join(cacheDir, name);

/**
 * Says whether optional packages are there.
 * @param {string} name of their folder
 * @param {readonly string[]} packages each with its exact version; the first is the one that is imported
 * @returns {boolean}
 */
export function hasPackages(name, packages) {
  const folder = folderOf(name);
  const text = readIfThere(join(folder, "package.json"));
  const main = packages[0].slice(0, packages[0].lastIndexOf("@"));
  if (text === undefined || !existsSync(join(folder, "node_modules", main, "package.json"))) return false;
  const there = Object.entries(JSON.parse(text).dependencies ?? {}).map((entry) => entry.join("@"));
  return packages.every((each) => there.includes(each));
}

/**
 * Installs optional packages in a folder of their own, beside the project's: what keeps them small there would take
 * parts from the project's own packages.
 * @param {string} name of the folder
 * @param {readonly string[]} packages each with its exact version
 * @param {{ flags: readonly string[], lay?: (folder: string) => object, shrink?: (folder: string) => void }} how
 *   flags: of `npm install`; lay: writes what must be there first, and returns what package.json says besides;
 *   shrink: removes what is not needed
 */
export async function installPackages(name, packages, { flags, lay, shrink }) {
  const folder = folderOf(name);
  const draft = `${folder}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  try {
    writeFileSync(join(draft, "package.json"), `${JSON.stringify({ private: true, ...lay?.(draft) })}\n`);
    const args = ["install", ...flags, "--save-exact", "--no-audit", "--no-fund", "--loglevel=error"];
    await run("npm install", "npm", [...args, ...packages], { cwd: draft, timeout: DEADLINE });
    shrink?.(draft);
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
