/**
 * Runs a config file. Each process whose hooks it defines does this, so this file imports neither the table of
 * settings nor its validators: their 95 modules cost a process 60 ms and 6 MiB.
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { explain } from "../process/explain.ts";
import { loadModule } from "../process/load-module.ts";
import { ConfigError } from "./errors.ts";

const JAVASCRIPT = [".js", ".mjs", ".cjs"];

/** ms that Node may take to check the syntax of a file. */
const CHECK_MS = 10_000;
/** The line, and mostly the column, at the end of a line of a stack. */
const PLACE = /:(\d+)(?::\d+)?\)?$/;

let loads = 0;

/**
 * Runs a config file, as the apps are loaded.
 *
 * @returns its default export.
 * @throws {ConfigError} where the file cannot be run or its default export is not an object.
 */
export async function runConfigFile(file: string): Promise<object> {
  let exported: unknown;
  loads += 1;
  try {
    exported = (await loadModule(file, loads === 1 ? "" : `?load=${loads}`))["default"];
  } catch (error) {
    throw new ConfigError([`${file}: cannot be loaded: ${reasonOf(error, file)}`]);
  }
  if (typeof exported === "object" && exported !== null && !Array.isArray(exported)) return exported;
  const found = exported === undefined ? "it has none" : `it is ${describeExport(exported)}`;
  throw new ConfigError([
    `${file}: the default export must be an object, but ${found}; write export default defineConfig({ … })`,
  ]);
}

/** What the file threw, and the line of the file where it did, which is all of the stack that helps its author. */
function reasonOf(error: unknown, file: string): string {
  const reason = explain(error);
  const line =
    error instanceof Error ? (lineIn(error.stack, file) ?? syntaxErrorLine(error, file)) : undefined;
  return line === undefined ? reason : `${reason} (line ${line})`;
}

function lineIn(stack: string | undefined, file: string): string | undefined {
  const place = stack?.split("\n").find((text) => text.includes(file) && PLACE.test(text));
  return PLACE.exec(place ?? "")?.[1];
}

// Of a syntax error in JavaScript Node keeps to itself in which line it is, except for those who only check the file.
function syntaxErrorLine(error: Error, file: string): string | undefined {
  if (!(error instanceof SyntaxError) || !JAVASCRIPT.includes(path.extname(file))) return undefined;
  const { stderr } = spawnSync(process.execPath, ["--check", file], {
    encoding: "utf8",
    timeout: CHECK_MS,
  });
  return lineIn(stderr, file);
}

/** Names a value in a few words: `null`, `a list`, `a number`. */
export function describeExport(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "object" && !Array.isArray(value)) return "an object";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
