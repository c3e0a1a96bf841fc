import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/**
 * Lists the files under a folder, sorted, so that a list is the same on every machine.
 * @param {string} folder absolute path; a folder that does not exist has no files
 * @returns {string[]} absolute paths
 */
export function listFiles(folder) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
  const files = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...listFiles(path));
    else files.push(path);
  }
  return files;
}

/**
 * Hashes names and contents. Contents, not times: a checkout touches every file and changes none.
 * @param {string} base folder that the names are relative to
 * @param {string[]} paths absolute paths of files and folders; what does not exist counts as absent
 * @returns {string} hex digest
 */
export function hashFiles(base, paths) {
  const hash = createHash("sha256");
  for (const path of paths) {
    const kind = statSync(path, { throwIfNoEntry: false });
    const files = kind?.isDirectory() ? listFiles(path) : kind ? [path] : [];
    for (const file of files) {
      const bytes = readFileSync(file);
      hash.update(`${relative(base, file)}\0${bytes.length}\0`).update(bytes);
    }
  }
  return hash.digest("hex");
}

/**
 * Reads a small text file.
 * @param {string} path
 * @returns {string | undefined} undefined where the file is missing
 */
export function readIfThere(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  }
}
