import { stat } from "node:fs/promises";
import path from "node:path";
import { ConfigError } from "./errors.ts";
import { HOOK_NAMES, type HookName, isHookName } from "./hooks.ts";
import type { Given, Layer, Source } from "./layer.ts";
import { describeExport, runConfigFile } from "./run-config-file.ts";
import { isSettingName, SETTING_NAMES, type SettingName, settings } from "./settings.ts";
import { didYouMean } from "./suggest.ts";

/** The names that are looked for where the server is started, in that order. */
const DEFAULT_NAMES = ["ts", "mts", "js", "mjs"].map((extension) => `tsunicorn.config.${extension}`);

const EXTENSIONS = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"];

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
  if (!EXTENSIONS.includes(extension)) {
    const reason = `must end in ${EXTENSIONS.join(", ")}`;
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
          `${name}: a hook must be a function, but this is ${describeExport(value)} (from file ${file})`,
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

/** One item may stand for a list of one. */
function toList(name: SettingName, value: unknown): unknown {
  return settings[name].kind === "list" && !Array.isArray(value) ? [value] : value;
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
