/** Nothing needs itself by way of others: no file, no part of the repository. Imports of types count too. */
import { readdirSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { read, repository } from "./pages.ts";

/** What each file, or part, imports. */
type Imports = ReadonlyMap<string, readonly string[]>;

const PARTS = ["server", "chat", "web", "bench", "chaos", "e2e"];
const FOLDERS = ["src", "test"].flatMap((name) => ["server", "chat", "web"].map((part) => `${part}/${name}`));

function filesIn(folder: string, ending: RegExp): string[] {
  return readdirSync(path.join(repository, folder), { encoding: "utf8", recursive: true })
    .map((name) => path.posix.join(folder, name.split(path.sep).join("/")))
    .filter((name) => ending.test(name));
}

/** The files of the repository that a file in TypeScript or JavaScript imports. */
function importsOf(file: string): string[] {
  return ts
    .preProcessFile(read(file))
    .importedFiles.filter(({ fileName }) => fileName.startsWith("."))
    .map(({ fileName }) => path.posix.join(path.posix.dirname(file), fileName));
}

/** The modules of its own package that a file in Python imports, also within functions. */
function pythonImportsOf(file: string): string[] {
  const beside = (name: string): string => path.posix.join(path.posix.dirname(file), `${name}.py`);
  return [...read(file).matchAll(/^\s*from \.(\w*) import ([^(\n]*)/gm)].flatMap(
    ([, module = "", names = ""]) =>
      module === "" ? names.split(",").map((name) => beside(/\w+/.exec(name)?.[0] ?? "")) : [beside(module)],
  );
}

/** A way from one back to itself, as `a -> b -> a`; undefined where no way leads back. */
function circleIn(imports: Imports): string | undefined {
  const done = new Set<string>();
  const search = (one: string, way: readonly string[]): string | undefined => {
    if (way.includes(one)) return [...way.slice(way.indexOf(one)), one].join(" -> ");
    if (done.has(one)) return undefined;
    for (const next of imports.get(one) ?? []) {
      const circle = search(next, [...way, one]);
      if (circle !== undefined) return circle;
    }
    done.add(one);
    return undefined;
  };
  for (const one of imports.keys()) {
    const circle = search(one, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

const files = [...FOLDERS, "bench", "chaos", "e2e"].flatMap((folder) => filesIn(folder, /\.(tsx?|mjs)$/));
const imports: Imports = new Map(files.map((file) => [file, importsOf(file)]));

test("a circle is found, and a file that two others import is not taken for one", () => {
  const two: readonly [string, string[]][] = [
    ["a", ["b", "c"]],
    ["b", ["c"]],
  ];
  expect(circleIn(new Map(two))).toBeUndefined();
  expect(circleIn(new Map([...two, ["c", ["a"]]]))).toBe("a -> b -> c -> a");
});

describe("no circle", () => {
  test("of files", () => {
    expect([...imports.values()].flat().length).toBeGreaterThan(1000);
    expect(circleIn(imports)).toBeUndefined();
  });

  test("of the repository's parts", () => {
    const partOf = (file: string): string => file.split("/")[0] ?? "";
    const partsOf = (part: string): string[] =>
      files.filter((file) => partOf(file) === part).flatMap((file) => (imports.get(file) ?? []).map(partOf));
    const others = PARTS.map((part): [string, string[]] => [
      part,
      partsOf(part).filter((one) => one !== part),
    ]);
    expect(new Map(others).get("chat")).toContain("server");
    expect(circleIn(new Map(others))).toBeUndefined();
  });

  test("of files in Python", () => {
    const modules = filesIn("server/python/tsunicorn", /\.py$/);
    const among: Imports = new Map(modules.map((file) => [file, pythonImportsOf(file)]));
    expect([...among.values()].flat().length).toBeGreaterThan(30);
    expect(circleIn(among)).toBeUndefined();
  });
});
