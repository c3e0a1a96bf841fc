import { hasPackages, installPackages } from "./optional-packages.mjs";

/** The version that the chat was tried with; chat/src/models/llama/package.ts names it too. */
export const LLAMA_VERSION = "3.21.1";

const NAME = "llama";

/** node-llama-cpp's name for this machine's compiled part; undefined where none is published. */
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
  return hasPackages(NAME, packages(gpus));
}

/**
 * Installs node-llama-cpp, without all other machines' parts.
 * @param {readonly string[]} [gpus] `cuda`, `vulkan`
 */
export async function installLlama(gpus = []) {
  await installPackages(NAME, packages(gpus), { flags: ["--omit=optional"] });
}
