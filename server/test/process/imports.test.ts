import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));

/** The packages that a process may load, by what the built files import. */
function packagesOf(entry: string): string[] {
  const packages = new Set<string>();
  const files = [path.join(DIST, entry)];
  for (const file of files) {
    for (const { fileName } of ts.preProcessFile(readFileSync(file, "utf8"), true, true).importedFiles) {
      const imported = path.resolve(path.dirname(file), fileName);
      if (!fileName.startsWith(".")) packages.add(fileName);
      else if (!files.includes(imported)) files.push(imported);
    }
  }
  return [...packages].filter((name) => !name.startsWith("node:")).sort();
}

describe("the validators of the settings", () => {
  // They are zod's: 95 modules, 60 ms and 6 MiB of each process that loads them.
  it.each([
    "arbiter/main.js",
    "arbiter/hook-thread-main.js",
    "dirty-arbiter/main.js",
    "dirty-worker/main.js",
    "http-worker/main.js",
  ])("are not loaded by %s", (entry) => {
    expect(packagesOf(entry)).toContain("pino");
    expect(packagesOf(entry)).not.toContain("zod");
  });

  it("are loaded by the thread that reads the settings, and end with it", () => {
    expect(packagesOf("config/load-thread.js")).toContain("zod");
  });
});
