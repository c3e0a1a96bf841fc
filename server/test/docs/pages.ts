import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository. */
export const repository: string = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");

const FOLDERS_OF_PAGES = [".", "docs", "bench", "chaos", "server", "server/test/vectors"].concat(
  foldersIn("examples").map((name) => `examples/${name}`),
);

/** Every page of the documentation, by its path from the root. */
export const pages: readonly string[] = FOLDERS_OF_PAGES.flatMap((folder) =>
  readdirSync(path.join(repository, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => path.posix.join(folder, name)),
);

/** The text of a file, by its path from the root. */
export function read(file: string): string {
  return readFileSync(path.join(repository, file), "utf8");
}

/** Whether there is such a file or folder, by its path from the root. */
export function isThere(file: string): boolean {
  return existsSync(path.join(repository, file));
}

/** The folders right inside a folder, by their names. */
export function foldersIn(folder: string): string[] {
  return readdirSync(path.join(repository, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** Every TypeScript file below a folder, by its path from the root. */
export function sourcesIn(folder: string): string[] {
  return readdirSync(path.join(repository, folder), { encoding: "utf8", recursive: true })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => path.posix.join(folder, name.split(path.sep).join("/")));
}
