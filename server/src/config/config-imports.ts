import { readFileSync, statSync } from "node:fs";
import path from "node:path";

/** A config file that imports more files than that is watched in part. */
const MAX_FILES = 200;
const SPECIFIER = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*["'](\.{1,2}\/[^"'\n]+)["']/g;
/** What an import may leave out, or say in place of what is there. */
const ENDINGS = ["", ".ts", ".mts", ".cts", ".js", ".mjs", ".cjs", ".json", "/index.ts", "/index.js"];

/**
 * Finds the files that a config file is made of: itself, and what it imports by relative paths. They are found in its
 * text, not by running it: also of a file that cannot be run one must know what may be mended.
 *
 * @param file absolute path.
 * @returns absolute paths, at most 200.
 */
export function filesOfConfig(file: string): string[] {
  const files = new Set([file]);
  for (const at of files) {
    if (at.endsWith(".json")) continue;
    for (const [, specifier = ""] of readText(at).matchAll(SPECIFIER)) {
      const found = resolveFile(path.resolve(path.dirname(at), specifier));
      if (files.size < MAX_FILES) files.add(found);
    }
  }
  return [...files];
}

function resolveFile(named: string): string {
  const stem = named.replace(/\.[cm]?js$/, "");
  return [named, stem].flatMap((base) => ENDINGS.map((ending) => base + ending)).find(isFile) ?? named;
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
