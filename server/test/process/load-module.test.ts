import { execFile } from "node:child_process";
import { mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { nodeReadsTypeScript } from "../../src/process/load-module.ts";
import { folderWith } from "../config/folder.ts";
import { install } from "../install.ts";

const dist = (name: string): string =>
  JSON.stringify(new URL(`../../dist/process/${name}.js`, import.meta.url).href);

/** Loads modules of a folder in one process of their own, as a worker does. @returns what each gave, or why not. */
async function loadAll(
  folder: string,
  names: readonly string[],
  expression = "[module.default, module.result].join()",
  { query = "", env = {} } = {},
): Promise<string[]> {
  const script = `
    const { loadModule } = await import(${dist("load-module")});
    const { explain } = await import(${dist("explain")});
    const given = [];
    for (const file of ${JSON.stringify(names.map((name) => join(folder, name)))}) {
      try {
        const module = await loadModule(file, ${JSON.stringify(query)});
        given.push(String(${expression}));
      } catch (error) {
        given.push("refused: " + explain(error));
      }
    }
    console.log(JSON.stringify(given));
    process.exit();`;
  const args = ["--input-type=module", "-e", script];
  // tsx must not depend on where the process works.
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: "/",
    env: { ...process.env, ...env },
  });
  const given: string[] = JSON.parse(stdout.replaceAll(folder, "@"));
  return given;
}

/** Loads a module in a process of its own. */
async function load(
  folder: string,
  name: string,
  expression?: string,
  options?: Parameters<typeof loadAll>[3],
): Promise<string> {
  const [given = ""] = await loadAll(folder, [name], expression, options);
  return given;
}

/** What each kind of package.json says, and the file that is loaded first: it is what has tsx registered. */
const PACKAGES = [
  ["after npm init -y, which writes type commonjs", { "package.json": '{"type":"commonjs"}' }, "enum.ts"],
  ["in a package of modules", { "package.json": '{"type":"module"}' }, "main.tsx"],
  ["without a type", { "package.json": "{}" }, "main.jsx"],
] as const;

const LIB = { "lib.ts": "export const twice = (n: number): number => n * 2;" };
/** What Node cannot load by itself, whatever its version; each gives 42. */
const BEYOND_NODE: Record<string, [name: string, text: string]> = {
  "an enum": ["enum.ts", "enum N { Answer = 42 } export const result = N.Answer;"],
  "a namespace": ["namespace.ts", "namespace N { export const n = 42; } export const result = N.n;"],
  "parameter properties": [
    "parameters.ts",
    "class A { constructor(public n: number) {} } export const result = new A(42).n;",
  ],
  decorators: [
    "decorators.ts",
    "function answer(type: { n?: number }): void { type.n = 42; }\n@answer class A { static n: number; } export const result = A.n;",
  ],
  "paths of tsconfig.json": ["paths.ts", 'import { twice } from "@/lib"; export const result = twice(21);'],
  "an import without an ending": [
    "no-ending.ts",
    'import { twice } from "./lib"; export const result = twice(21);',
  ],
  "an import of .js that is .ts": [
    "other-ending.ts",
    'import { twice } from "./lib.js"; export const result = twice(21);',
  ],
  "an import of a folder": [
    "folder.ts",
    'import { twice } from "./library"; export const result = twice(21);',
  ],
  "a .tsx file": [
    "main.tsx",
    "const h = (_tag: string, props: { n: number }) => props.n; export const result: number = <a n={42} />;",
  ],
  "a .jsx file": [
    "main.jsx",
    "/** @jsx h */ const h = (_tag, props) => props.n; export const result = <a n={42} />;",
  ],
};
const ALL_BEYOND_NODE: Record<string, string> = {
  ...LIB,
  "library/index.ts": LIB["lib.ts"],
  "tsconfig.json":
    '{"compilerOptions":{"experimentalDecorators":true,"jsx":"react","jsxFactory":"h","paths":{"@/*":["./*"]}}}',
  ...Object.fromEntries(Object.values(BEYOND_NODE)),
};

/** What became of each of them, by its name: all are loaded in one process. */
async function loadBeyondNode(
  manifest: Record<string, string>,
  first: string,
  ...installed: Parameters<typeof install>[1][]
): Promise<Map<string, string>> {
  const folder = folderWith({ ...manifest, ...ALL_BEYOND_NODE });
  install(folder, ...installed);
  const names = [...new Set([first, ...Object.values(BEYOND_NODE).map(([name]) => name)])];
  const given = await loadAll(folder, names);
  return new Map(names.map((name, at) => [name, given[at] ?? ""]));
}

describe("with tsx in the app's folder", () => {
  describe.each(PACKAGES)("%s", (_kind, manifest, first) => {
    test("what Node itself cannot load is loaded", async () => {
      const given = await loadBeyondNode(manifest, first, "tsx");
      for (const [what, [name]] of Object.entries(BEYOND_NODE))
        expect.soft(given.get(name), what).toMatch(/^42$|,42$/);
    });
  });

  test(".mts and .cts are loaded", async () => {
    const folder = folderWith({
      "main.mts":
        'import { n } from "./n.cts"; export const result: number = n + (await Promise.resolve(1));',
      "n.cts": "const n: number = 41; export = { n };",
    });
    install(folder, "tsx");
    expect(await loadAll(folder, ["main.mts", "n.cts"], "module.result ?? module.default.n")).toEqual([
      "42",
      "41",
    ]);
  });

  test("one file makes a module of its own for each query", async () => {
    const folder = folderWith({
      "package.json": '{"type":"module"}',
      "main.ts": "export const result = import.meta.url;",
    });
    install(folder, "tsx");
    expect(await load(folder, "main.ts", undefined, { query: "?one" })).toBe(",file://@/main.ts?one");
  });

  test.each([
    ["above it, in the root of a workspace", "packages/shop/src", ""],
    ["in its package, not in the root", "packages/shop/src", "packages/shop"],
  ])("it is found %s", async (_where, at, installed) => {
    const folder = folderWith({
      "package.json": '{"workspaces":["packages/*"]}',
      "packages/shop/package.json": '{"type":"commonjs"}',
      "packages/shop/tsconfig.json": '{"compilerOptions":{"paths":{"~/*":["./src/*"]}}}',
      [`${at}/lib.ts`]: LIB["lib.ts"],
      [`${at}/main.ts`]: 'import { twice } from "~/lib"; enum N { A = 21 } export const result = twice(N.A);',
    });
    install(join(folder, installed), "tsx");
    expect(await load(folder, `${at}/main.ts`)).toMatch(/,42$/);
  });

  test("it is found where the app is below a link, and in a folder with characters that mean something", async () => {
    const folder = folderWith({ "app #1 %20/main.ts": "enum N { A = 42 } export const result = N.A;" });
    mkdirSync(join(folder, "releases"));
    renameSync(join(folder, "app #1 %20"), join(folder, "releases/app #1 %20"));
    install(join(folder, "releases/app #1 %20"), "tsx");
    symlinkSync("releases/app #1 %20", join(folder, "current"));
    expect(await load(folder, "current/main.ts")).toMatch(/,42$/);
  });

  test("a folder with a question mark in its name, in which it finds nothing, is told", async () => {
    const folder = folderWith({ "app?1/src/main.ts": "enum N { A = 42 } export const result = N.A;" });
    install(join(folder, "app?1"), "tsx");
    expect(await load(folder, "app?1/src/main.ts")).toBe(
      "refused: tsx, which loads it, takes a question mark in a path for the end of the path: rename @/app?1",
    );
  });

  test("it may have been given to Node already", async () => {
    const folder = folderWith({ "main.ts": "enum N { A = 42 } export const result = N.A;" });
    install(folder, "tsx");
    const env = { NODE_OPTIONS: `--import ${import.meta.resolve("tsx")}` };
    expect(await load(folder, "main.ts", undefined, { env })).toMatch(/,42$/);
  });

  test("an app in JavaScript does without it", async () => {
    const folder = folderWith({ "main.mjs": "export const result = 42;" });
    install(folder, "tsx");
    expect(await load(folder, "main.mjs", "[module.result, process.env.TSX_DISABLE_CACHE].join()")).toBe(
      "42,",
    );
  });

  test("what the app throws is its own error", async () => {
    const folder = folderWith({ "main.ts": "throw new Error('no database here');" });
    install(folder, "tsx");
    expect(await load(folder, "main.ts")).toBe("refused: no database here");
  });
});

const INSTALL = "run `npm install tsx` in @";

describe("without tsx", () => {
  describe.each(PACKAGES)("%s", (_kind, manifest, first) => {
    test("a Node that erases types loads it, and another says what to do", async () => {
      const folder = folderWith({
        ...manifest,
        ...LIB,
        "main.ts":
          'import { twice } from "./lib.ts"; interface N { n: number } const n: N = { n: 21 }; export const result = twice(n.n);',
      });
      const { node } = process.versions;
      expect(await load(folder, "main.ts")).toBe(
        nodeReadsTypeScript()
          ? ",42"
          : `refused: @/main.ts is TypeScript, which Node ${node} does not load by itself: ${INSTALL}, or use Node 22.18 or later: Unknown file extension ".ts" for @/main.ts`,
      );
    });

    test("what Node itself cannot load is refused with what to do", async () => {
      const given = await loadBeyondNode(manifest, first);
      for (const [what, [name]] of Object.entries(BEYOND_NODE)) {
        expect.soft(given.get(name), what).toMatch(/^refused: /);
        expect.soft(given.get(name), what).toContain(INSTALL);
      }
    });
  });

  test("JavaScript that is written as a module in a package of CommonJS", async () => {
    const folder = folderWith({
      "package.json": '{"type":"commonjs"}',
      "main.js": "export const result = 42;",
    });
    expect(await load(folder, "main.js")).toBe(
      "refused: @/main.js is written as an ECMAScript module, but Node takes it for CommonJS: run `npm pkg set type=module` in @, or let its name end in .mjs: Unexpected token 'export'",
    );
  });

  test("an app in JavaScript that imports what is not", async () => {
    const folder = folderWith({
      "main.mjs": 'import x from "./x.tsx"; export const result = x;',
      "x.tsx": "",
    });
    expect(await load(folder, "main.mjs")).toContain(`@/x.tsx is JSX, which Node does not load: ${INSTALL}`);
    install(folder, "tsx");
    expect(await load(folder, "main.mjs")).toContain("rename main.mjs");
  });

  test("a package that is missing is Node's own error", async () => {
    const folder = folderWith({ "main.mjs": 'import "not-there";' });
    expect(await load(folder, "main.mjs")).toBe(
      "refused: Cannot find package 'not-there' imported from @/main.mjs",
    );
  });
});

test("what a compiler made CommonJS of has the exports that were written", async () => {
  const source =
    "Object.defineProperty(exports, '__esModule', { value: true }); exports.result = 42; exports.default = 'whole';";
  expect(await load(folderWith({ "main.cjs": source }), "main.cjs")).toBe("whole,42");
});

test("a name with spaces and other characters that mean something in a URL", async () => {
  const name = "a b#c?d%20.mjs";
  expect(await load(folderWith({ [name]: "export const result = 42;" }), name)).toBe(",42");
});
