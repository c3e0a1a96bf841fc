import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** The path of a Node that is installed as a package; undefined: none of this machine's kind is. */
function installed(name) {
  try {
    const path = join(dirname(require.resolve(`${name}/package.json`)), "bin/node");
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The Nodes that the apps run on: the one that runs the tests, and those of package.json.
 * @type {{ name: string, path: string }[]}
 */
export const NODES = [
  { name: process.versions.node, path: process.execPath },
  ...["node24"].flatMap((name) => {
    const path = installed(name);
    return path === undefined ? [] : [{ name: name.slice("node".length), path }];
  }),
];
