import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** What the scripts keep between runs and git ignores. */
export const cacheDir = join(root, ".cache");
