import path from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { foldersIn, isThere, read, sourcesIn } from "./pages.ts";

const PROCESSES = ["arbiter", "dirty-arbiter", "dirty-worker", "http-worker"];
/** The floors of the server, the lowest first. */
const FLOORS = [["config", "process", "protocol"], ["dirty"], PROCESSES, ["cli"]];

const floorOf = (folder: string): number => FLOORS.findIndex((folders) => folders.includes(folder));

/** Whether a file in one folder of the server may import a file in another. */
function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  if (floorOf(to) === -1) return false;
  // The public API offers what apps need: nothing of a process, nothing of the command.
  const floor = from === "index.ts" ? floorOf("arbiter") : floorOf(from);
  return floorOf(to) < floor || (floor === 0 && floorOf(to) === 0);
}

/** What a source file imports, as types too, and with `import()`. */
function importsOf(file: string): string[] {
  return ts.preProcessFile(read(file)).importedFiles.map(({ fileName }) => fileName);
}

/** The part of a path right below `server/src`: a folder, or `index.ts`. */
const partOf = (file: string): string => path.posix.relative("server/src", file).split("/")[0] ?? "";

interface Import {
  readonly file: string;
  readonly imported: string;
}

function everyImport(folder: string): Import[] {
  return sourcesIn(folder).flatMap((file) => importsOf(file).map((imported) => ({ file, imported })));
}

const isRelative = ({ imported }: Import): boolean => imported.startsWith(".");
const targetOf = ({ file, imported }: Import): string => path.posix.join(path.posix.dirname(file), imported);
const show = ({ file, imported }: Import): string => `${file} imports ${imported}`;

/** The packages that a workspace says it needs. */
function dependenciesOf(workspace: string): string[] {
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
    read(`${workspace}/package.json`),
  );
  return Object.keys(dependencies);
}

/** Imports of packages that a workspace does not name among its dependencies. */
function undeclared(workspace: string): string[] {
  const declared = dependenciesOf(workspace);
  const packageOf = (imported: string): string => /^(@[^/]+\/)?[^/]+/.exec(imported)?.[0] ?? "";
  return everyImport(`${workspace}/src`)
    .filter((entry) => !isRelative(entry) && !entry.imported.startsWith("node:"))
    .filter(({ imported }) => !declared.includes(packageOf(imported)))
    .map(show);
}

describe("the server", () => {
  const imports = everyImport("server/src");

  test("has a floor for every folder", () => {
    expect(foldersIn("server/src").sort()).toEqual(FLOORS.flat().sort());
  });

  test.each([
    ["arbiter", "http-worker"],
    ["dirty-worker", "dirty-arbiter"],
    ["dirty", "dirty-worker"],
    ["protocol", "dirty"],
    ["process", "arbiter"],
    ["config", "cli"],
    ["http-worker", "cli"],
    ["index.ts", "arbiter"],
    ["dirty", "index.ts"],
  ])("must not import upwards or sideways: %s from %s", (from, to) => {
    expect(mayImport(from, to)).toBe(false);
  });

  test("imports down only", () => {
    expect(imports.length).toBeGreaterThan(100);
    const wrong = imports.filter(isRelative).filter((entry) => {
      const target = targetOf(entry);
      if (!target.startsWith("server/src/")) return true;
      return !mayImport(partOf(entry.file), partOf(target));
    });
    expect(wrong.map(show)).toEqual([]);
  });

  test("imports files by the name that they have", () => {
    expect(imports.filter((entry) => isRelative(entry) && !isThere(targetOf(entry))).map(show)).toEqual([]);
  });

  test("needs only the packages that it names, and none of the chat's", () => {
    expect(undeclared("server")).toEqual([]);
    const frameworks = /^(@fastify\/|fastify|react|vite|@tsunicorn\/)/;
    expect(dependenciesOf("server").filter((name) => frameworks.test(name))).toEqual([]);
  });

  test("exits and handles signals in the entries of its processes and threads alone", () => {
    // `this.process`, a child, is another matter.
    const use = /(?<![\w.])process\.(exit|abort|exitCode|(prepend)?(on|once|addListener))\b/i;
    expect(use.test("process.on(signal, () => {})") && use.test("  process.exit(1)")).toBe(true);
    expect(use.test('this.process.on("exit", end)')).toBe(false);
    const others = PROCESSES.flatMap((folder) => sourcesIn(`server/src/${folder}`)).filter(
      (file) => !/^(\w+-thread-)?main\.ts$/.test(path.basename(file)),
    );
    expect(others.filter((file) => use.test(read(file)))).toEqual([]);
  });
});

describe("the chat", () => {
  test("knows of the server only what is public", () => {
    const foreign = everyImport("chat/src").filter((entry) =>
      isRelative(entry)
        ? !targetOf(entry).startsWith("chat/src/")
        : entry.imported !== "tsunicorn" && /^tsunicorn\b/.test(entry.imported),
    );
    expect(foreign.map(show)).toEqual([]);
  });

  test("needs only the packages that it names", () => {
    expect(undeclared("chat")).toEqual([]);
  });
});
