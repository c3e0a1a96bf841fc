import type { Hooks } from "./hooks.ts";
import type { SettingName, Settings } from "./settings.ts";

/**
 * What a config file may set, and the hooks that it may define; whatever it leaves out has its default. A list of
 * one may be written without brackets.
 */
export type TsunicornConfig = Hooks & {
  [Name in Exclude<SettingName, "config">]?: Settings[Name] extends readonly string[]
    ? string | readonly string[]
    : Settings[Name];
};

/**
 * Gives a config file its types: `export default defineConfig({ … })`. Returns what it was given, unchecked;
 * values are checked when the server loads the file.
 */
export function defineConfig(config: TsunicornConfig): TsunicornConfig {
  return config;
}
