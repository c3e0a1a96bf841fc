import { realpathSync } from "node:fs";
import path from "node:path";
import { formatBindAddress, parseBindAddress } from "./bind-address.ts";
import { describeSource, type Given, type Layer, type Source } from "./layer.ts";
import type { Setting } from "./setting.ts";
import { SETTING_NAMES, type SettingName, type Settings, settings } from "./settings.ts";

/** Where relative paths begin. */
export interface Place {
  /** The folder where the command was started, absolute. */
  readonly cwd: string;
  /** The config file that was read, absolute; undefined without one. */
  readonly configFile: string | undefined;
}

/** Settings put together from all layers. Where there are problems, some stand on their default or are missing. */
export interface Resolved {
  readonly settings: Settings;
  readonly sources: Readonly<Record<SettingName, Source>>;
  readonly problems: readonly string[];
  /** The settings that the problems are about. */
  readonly invalid: ReadonlySet<SettingName>;
}

/** Any subset of the settings: what a merge has found so far. */
type Found = { -readonly [Name in SettingName]?: Settings[Name] };

/**
 * Checks every value that was given, takes for each setting the one of the first layer that has it, adds the
 * defaults, and makes paths absolute.
 *
 * @param layers what was given, the strongest first.
 */
export function resolveSettings(layers: readonly Layer[], place: Place): Resolved {
  const problems: string[] = [];
  const invalid = new Set<SettingName>();
  const found: Found = {};
  const sources = new Map<SettingName, Source>();

  function take<Name extends SettingName>(name: Name): void {
    for (const layer of layers) {
      const given = layer.given.get(name);
      if (given === undefined) continue;
      const parsed = settings[name].validator.safeParse(given.value);
      if (!parsed.success) {
        invalid.add(name);
        problems.push(...parsed.error.issues.map((issue) => explain(name, given, issue)));
      } else if (!sources.has(name)) {
        found[name] = parsed.data;
        sources.set(name, given.source);
      }
    }
  }
  for (const name of SETTING_NAMES) take(name);
  for (const name of SETTING_NAMES) if (!computes(settings[name])) addDefault(found, name, place);
  for (const name of SETTING_NAMES) addDefault(found, name, place);

  if (found.app === undefined && !invalid.has("app")) {
    invalid.add("app");
    problems.push(
      "app: none was given; name its main module (tsunicorn [options] APP), or set app in the config file",
    );
  }
  makePathsAbsolute(found, sources.get("chdir"), place);
  return {
    // Each setting but app has a default, and a missing app is a problem, with which the rest is not used.
    settings: found as Settings,
    sources: sourceOfEach(sources),
    problems,
    invalid,
  };
}

function computes(setting: Setting<unknown>): boolean {
  return typeof setting.default === "function";
}

function addDefault<Name extends SettingName>(found: Found, name: Name, place: Place): void {
  if (found[name] !== undefined) return;
  const setting: Setting<Settings[Name]> = settings[name];
  const value = setting.default;
  found[name] =
    value instanceof Function
      ? value({
          cwd: place.cwd,
          configFile: place.configFile,
          app: found.app,
          dirtyApps: found.dirtyApps ?? [],
          dirtySocket: found.dirtySocket,
          requestTimeout: found.requestTimeout ?? Number.POSITIVE_INFINITY,
        })
      : value;
}

/**
 * Says what is wrong with a value: the setting, the value (of a list, the item), the reason, and where it was
 * given.
 */
function explain(
  name: SettingName,
  { value, source }: Given,
  issue: { readonly path: readonly PropertyKey[]; readonly message: string },
): string {
  const index = issue.path[0];
  const culprit: unknown = Array.isArray(value) && typeof index === "number" ? value[index] : value;
  const quoted = settings[name].kind === "number" && typeof culprit === "string" && source.kind === "file";
  const hint = quoted ? "; write a number, without quotes" : "";
  return `${name}: ${show(culprit)} ${issue.message}${hint} (from ${describeSource(source)})`;
}

function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? (value.length === 0 ? "[]" : "a list") : "an object";
  }
  if (typeof value !== "string") return String(value);
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}

/**
 * Processes work in `chdir` and may be started again from anywhere, so a relative path would change its
 * meaning. Where chdir is a link its target is taken, which is what a child's working folder will be called.
 */
function makePathsAbsolute(found: Found, chdirSource: Source | undefined, place: Place): void {
  const { cwd, configFile } = place;
  const base = chdirSource?.kind === "file" && configFile !== undefined ? path.dirname(configFile) : cwd;
  const chdir = realFolder(path.resolve(base, found.chdir ?? ""));
  found.chdir = chdir;
  found.config = configFile;
  if (found.app !== undefined) found.app = path.resolve(chdir, found.app);
  for (const name of ["dirtyBind", "dirtySocket", "controlSocket", "pidfile", "logFile"] as const) {
    const given = found[name];
    if (given !== undefined) found[name] = path.resolve(chdir, given);
  }
  // A name alone is looked for in PATH.
  if (found.python?.includes(path.sep)) found.python = path.resolve(chdir, found.python);
  found.bind = found.bind?.map((text) => {
    const address = parseBindAddress(text);
    if (address.kind === "tcp") return text;
    return formatBindAddress({ kind: "unix", path: path.resolve(chdir, address.path) });
  });
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

function sourceOfEach(sources: ReadonlyMap<SettingName, Source>): Record<SettingName, Source> {
  const entries = SETTING_NAMES.map((name) => [name, sources.get(name) ?? { kind: "default", where: "" }]);
  return Object.fromEntries(entries);
}
