import { spawnSync } from "node:child_process";
import { stat } from "node:fs/promises";
import path from "node:path";
import { explain } from "../process/explain.ts";
import { loadModule } from "../process/load-module.ts";
import { ConfigError } from "./errors.ts";
import { HOOK_NAMES, type HookName, isHookName } from "./hooks.ts";
import type { Given, Layer, Source } from "./layer.ts";
import { isSettingName, SETTING_NAMES, type SettingName, settings } from "./settings.ts";
import { didYouMean } from "./suggest.ts";

/** The names that are looked for where the server is started, in that order. */
const DEFAULT_NAMES = ["ts", "mts", "js", "mjs"].map((extension) => `tsunicorn.config.${extension}`);

const TYPESCRIPT = [".ts", ".mts", ".cts"];
const JAVASCRIPT = [".js", ".mjs", ".cjs"];

/** ms that Node may take to check the syntax of a file. */
const CHECK_MS = 10_000;
/** The line, and mostly the column, at the end of a line of a stack. */
const PLACE = /:(\d+)(?::\d+)?\)?$/;

let loads = 0;

/** What a config file gives. */
export interface FileLayer extends Layer {
  /** The hooks that it defines. */
  readonly hooks: readonly HookName[];
}

/**
 * Finds the config file: the one that was named, else the first default name that exists in `cwd`.
 *
 * @returns its absolute path, or undefined where none was named and none exists.
 * @throws {ConfigError} where the named file does not exist or has another extension.
 */
export async function findConfigFile(
  named: { readonly path: string; readonly from: string } | undefined,
  cwd: string,
): Promise<string | undefined> {
  if (named === undefined) {
    for (const name of DEFAULT_NAMES) {
      const file = path.resolve(cwd, name);
      if (await isFile(file)) return file;
    }
    return undefined;
  }
  const file = path.resolve(cwd, named.path);
  if (!(await isFile(file))) throw new ConfigError([`config: no such file: ${file} (from ${named.from})`]);
  const extension = path.extname(file);
  if (![...TYPESCRIPT, ...JAVASCRIPT].includes(extension)) {
    const reason = `must end in ${[...TYPESCRIPT, ...JAVASCRIPT].join(", ")}`;
    throw new ConfigError([`config: ${file} ${reason} (from ${named.from})`]);
  }
  return file;
}

/**
 * Runs a config file and reads what its default export gives: the settings, unchecked, and the names of the
 * hooks, since functions cannot leave the thread that the file is run in. The file itself is run anew each time.
 * What it imports is kept by Node within one thread.
 *
 * @throws {ConfigError} where the file cannot be run or its default export is not an object.
 */
export async function readConfigFile(file: string): Promise<FileLayer> {
  const exported = await runConfigFile(file);
  const source: Source = { kind: "file", where: file };
  const known = SETTING_NAMES.filter((name) => settings[name].notInFile !== true);
  const given = new Map<SettingName, Given>();
  const hooks: HookName[] = [];
  const problems: string[] = [];
  for (const [name, value] of Object.entries(exported)) {
    if (isHookName(name)) {
      if (typeof value === "function") hooks.push(name);
      else if (value !== undefined)
        problems.push(
          `${name}: a hook must be a function, but this is ${describe(value)} (from file ${file})`,
        );
    } else if (!isSettingName(name))
      problems.push(
        `${name}: unknown setting${didYouMean(name, [...known, ...HOOK_NAMES])} (from file ${file})`,
      );
    else if (!known.includes(name))
      problems.push(`${name}: cannot be set in a config file (from file ${file})`);
    else if (value !== undefined) given.set(name, { value: toList(name, value), source });
  }
  return { given, hooks, problems };
}

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
  const found = exported === undefined ? "it has none" : `it is ${describe(exported)}`;
  throw new ConfigError([
    `${file}: the default export must be an object, but ${found}; write export default defineConfig({ … })`,
  ]);
}

/** One item may stand for a list of one. */
function toList(name: SettingName, value: unknown): unknown {
  return settings[name].kind === "list" && !Array.isArray(value) ? [value] : value;
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

function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "object" && !Array.isArray(value)) return "an object";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
