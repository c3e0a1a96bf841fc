import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * The folder of their own in which the npm scripts install optional packages: what keeps those small there would take
 * parts from the chat's other packages.
 *
 * @param name of the script, as in `npm run llama`.
 */
export function optionalFolder(name: string): string {
  return fileURLToPath(new URL(`../../../.cache/${name}`, import.meta.url));
}

/**
 * Finds a package that may not be there: as any package, else in a folder of its own. It must be imported as a file: it
 * is not there when the chat is compiled, and bundlers put a package of their own in the place of an optional one.
 *
 * @returns the file to import; undefined where it is not installed.
 */
export function findOptionalPackage(name: string, folder: string): string | undefined {
  const { resolve } = createRequire(import.meta.url);
  for (const paths of [undefined, [folder]]) {
    try {
      return resolve(name, paths && { paths });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND")) throw error;
    }
  }
  return undefined;
}
