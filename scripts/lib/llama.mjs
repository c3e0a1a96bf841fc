import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readIfThere } from "./files.mjs";
import { cacheDir } from "./root.mjs";
import { run } from "./run.mjs";

/** The version that the chat was tried with; chat/src/models/llama/package.ts names it too. */
export const LLAMA_VERSION = "3.21.1";

/** Downloads of some 30 MB: what takes longer than this hangs. */
const DEADLINE = 10 * 60 * 1000;

const folder = join(cacheDir, "llama");

/** node-llama-cpp's name for this machine's compiled part; undefined where there is none. */
function binary() {
  const systems = { linux: "linux", darwin: "mac", win32: "win" };
  const system = systems[process.platform];
  if (system === undefined) return undefined;
  const metal = process.platform === "darwin" && process.arch === "arm64" ? "-metal" : "";
  return `${system}-${process.arch}${metal}`;
}

/** The packages that make GGUF files run on this machine, with these kinds of GPU besides its processor. */
function packages(gpus) {
  const name = binary();
  if (name === undefined) throw new Error(`node-llama-cpp has nothing for ${process.platform}`);
  const parts = [name, ...gpus.map((gpu) => `${name}-${gpu}`)];
  return ["node-llama-cpp", ...parts.map((part) => `@node-llama-cpp/${part}`)].map(
    (part) => `${part}@${LLAMA_VERSION}`,
  );
}

/**
 * Says whether node-llama-cpp is there, for at least these kinds of GPU.
 * @param {readonly string[]} [gpus]
 * @returns {boolean}
 */
export function hasLlama(gpus = []) {
  const text = readIfThere(join(folder, "package.json"));
  if (text === undefined || !existsSync(join(folder, "node_modules/node-llama-cpp/package.json")))
    return false;
  const wanted = packages(gpus);
  const there = Object.entries(JSON.parse(text).dependencies ?? {}).map(
    ([name, version]) => `${name}@${version}`,
  );
  return wanted.every((each) => there.includes(each));
}

/**
 * Installs node-llama-cpp in a folder of its own: with `--omit=optional`, which keeps all other machines' parts away,
 * and would take from the project's own packages theirs for this one.
 * @param {readonly string[]} [gpus] `cuda`, `vulkan`
 */
export async function installLlama(gpus = []) {
  const draft = `${folder}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  try {
    writeFileSync(join(draft, "package.json"), '{ "private": true }\n');
    const args = [
      "install",
      "--omit=optional",
      "--save-exact",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
    ];
    await run("npm install", "npm", [...args, ...packages(gpus)], { cwd: draft, timeout: DEADLINE });
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
