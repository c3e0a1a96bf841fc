import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasPackages, installPackages } from "./optional-packages.mjs";

/** The version that the chat was tried with; chat/src/models/transformers/package.ts names it too. */
export const TRANSFORMERS_VERSION = "4.3.1";

const NAME = "transformers";
const PACKAGES = [`@huggingface/transformers@${TRANSFORMERS_VERSION}`];

/** What it imports or lists, and text needs nothing of: images, and the browser's runtime of 130 MB. */
const UNUSED = ["sharp", "onnxruntime-web"];

/** Puts an empty package in the place of those. */
function layNothing(folder) {
  const nothing = join(folder, "nothing");
  mkdirSync(nothing);
  writeFileSync(
    join(nothing, "package.json"),
    '{ "name": "nothing", "version": "0.0.0", "main": "index.js" }\n',
  );
  writeFileSync(join(nothing, "index.js"), "module.exports = {};\n");
  return { overrides: Object.fromEntries(UNUSED.map((name) => [name, "file:./nothing"])) };
}

/** Its runtime comes with the parts for all machines, 45 MB each. */
function dropOtherMachines(folder) {
  const parts = join(folder, "node_modules/onnxruntime-node/bin");
  for (const version of readdirSync(parts)) {
    for (const system of readdirSync(join(parts, version))) {
      for (const processor of readdirSync(join(parts, version, system))) {
        if (system === process.platform && processor === process.arch) continue;
        rmSync(join(parts, version, system, processor), { recursive: true });
      }
    }
  }
}

/** Says whether @huggingface/transformers is there. */
export function hasTransformers() {
  return hasPackages(NAME, PACKAGES);
}

/** Installs @huggingface/transformers. No script of a package is run: that of its runtime would download CUDA's parts. */
export async function installTransformers() {
  await installPackages(NAME, PACKAGES, {
    flags: ["--ignore-scripts"],
    lay: layNothing,
    shrink: dropOtherMachines,
  });
}
