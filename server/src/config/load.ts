import { findConfigFile, readConfigFile } from "./config-file.ts";
import { findConflicts } from "./conflicts.ts";
import { readEnvironment } from "./environment.ts";
import { ConfigError } from "./errors.ts";
import { readFlags } from "./flags.ts";
import type { HookName } from "./hooks.ts";
import { describeSource, type Layer, type Source } from "./layer.ts";
import { readPlatformEnvironment } from "./platform-environment.ts";
import { resolveSettings } from "./resolve.ts";
import type { SettingName, Settings } from "./settings.ts";

/** The settings that a server runs with, where each came from, and what is needed to load them again. */
export interface LoadedConfig {
  readonly settings: Settings;
  /** The config file that was read, absolute; undefined without one. */
  readonly configFile: string | undefined;
  /** The hooks that the config file defines. */
  readonly hooks: readonly HookName[];
  readonly sources: Readonly<Record<SettingName, Source>>;
  /** The command's arguments; a reload loads again with these, `env` and `cwd`. */
  readonly argv: readonly string[];
  /** A copy of the environment that the settings were loaded with. */
  readonly env: NodeJS.ProcessEnv;
  /** The folder where the command was started, absolute. */
  readonly cwd: string;
}

/**
 * Loads the settings: a flag wins over `TSUNICORN_*`, that over `PORT` and `WEB_CONCURRENCY`, those over the config
 * file, that over the default.
 * Every value that was given is checked, also one that another wins over.
 *
 * The server itself uses `loadConfigApart`, which does the same in a thread of its own.
 *
 * @param argv the command's arguments that are settings, without node and the script.
 * @param env the environment; of it `TSUNICORN_*`, `PORT`, `HOST` and `WEB_CONCURRENCY` are read.
 * @param cwd the folder where the command was started, absolute.
 * @throws {ConfigError} with every problem that was found.
 */
export async function loadConfig(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<LoadedConfig> {
  const layers = [readFlags(argv), readEnvironment(env), readPlatformEnvironment(env)];
  const problems = layers.flatMap((layer) => layer.problems);

  let configFile: string | undefined;
  let hooks: readonly HookName[] = [];
  try {
    configFile = await findConfigFile(namedConfigFile(layers), cwd);
    if (configFile !== undefined) {
      const layer = await readConfigFile(configFile);
      layers.push(layer);
      hooks = layer.hooks;
      problems.push(...layer.problems);
    }
  } catch (error) {
    // Without the file it cannot be told what is missing or does not fit, so only what is certain is reported.
    if (error instanceof ConfigError) throw new ConfigError([...problems, ...error.problems]);
    throw error;
  }

  const resolved = resolveSettings(layers, { cwd, configFile });
  problems.push(...resolved.problems, ...findConflicts(resolved));
  if (problems.length > 0) throw new ConfigError(problems);
  const { settings, sources } = resolved;
  return { settings, configFile, hooks, sources, argv: [...argv], env: { ...env }, cwd };
}

function namedConfigFile(layers: readonly Layer[]): { path: string; from: string } | undefined {
  for (const layer of layers) {
    const given = layer.given.get("config");
    if (typeof given?.value === "string") return { path: given.value, from: describeSource(given.source) };
  }
  return undefined;
}
