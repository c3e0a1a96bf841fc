import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const LOADER = new URL("../../dist/process/load-module.js", import.meta.url).href;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Loads a module in a process of its own. @returns what the expression about `module` printed. */
function load(files: Record<string, string>, name: string, expression: string): string {
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  const script = `
    const { loadModule } = await import(${JSON.stringify(LOADER)});
    const module = await loadModule(${JSON.stringify(join(folder, name))});
    console.log(${expression});`;
  return execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }).trim();
}

test.each([
  ["with type module", { "package.json": '{"type":"module"}' }],
  ["without a package.json", {}],
])("TypeScript is loaded, and what it imports with it, %s", (_where, more) => {
  const files = {
    ...more,
    "main.ts": 'import { twice } from "./twice.ts"; export const result: number = twice(21);',
    "twice.ts": "export function twice(n: number): number { return n * 2; }",
  };
  expect(load(files, "main.ts", "module.result")).toBe("42");
});

test("what a compiler made CommonJS of has the exports that were written", () => {
  const source =
    "Object.defineProperty(exports, '__esModule', { value: true }); exports.result = 42; exports.default = 'whole';";
  expect(load({ "main.cjs": source }, "main.cjs", "[module.result, module.default].join()")).toBe("42,whole");
});

test("a name with spaces and other characters that mean something in a URL", () => {
  const files = { "a b#c?d%20.mjs": "export const result = 42;" };
  expect(load(files, "a b#c?d%20.mjs", "module.result")).toBe("42");
});
