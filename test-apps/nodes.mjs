import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** @typedef {{ name: string, path: string | undefined }} TestedNode `path` is undefined where this machine has none. */

/** The path of a Node that is installed as a package; undefined: no package has it for a machine of this kind. */
function installed(name) {
  try {
    const path = join(dirname(require.resolve(`${name}/package.json`)), "bin/node");
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The Nodes that apps run on: the one that runs the tests, and those of package.json.
 * @type {readonly TestedNode[]}
 */
export const NODES = [
  { name: process.versions.node, path: process.execPath },
  ...["22", "24", "26"].map((name) => ({ name, path: installed(`node${name}`) })),
];

/** Whether this Node loads TypeScript by itself. @param {TestedNode} node */
export function readsTypeScript({ name }) {
  const [major = 0, minor = 99] = name.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

/**
 * Skips the test where the machine has no such Node.
 * @param {TestedNode} node
 * @param {{ skip(condition: boolean, why: string): void }} context of the test
 */
export function skipMissing({ name, path }, { skip }) {
  skip(path === undefined, `there is no package with Node ${name} for this machine`);
}
