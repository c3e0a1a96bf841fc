import { hideSecrets } from "../config/hide-secrets.ts";
import { describeSource } from "../config/layer.ts";
import type { LoadedConfig } from "../config/load.ts";
import { SETTING_NAMES } from "../config/settings.ts";

/** A setting as people read it. */
export interface ConfigRow {
  readonly name: string;
  /** Its value as JSON, or `none`. */
  readonly value: string;
  /** Where it came from. */
  readonly source: string;
}

/**
 * Renders `--print-config`: each setting, its value as JSON without secrets, and where it came from, in three columns; then the
 * hooks that the config file defines.
 */
export function renderConfig({ settings, sources, hooks, configFile = "" }: LoadedConfig): string {
  return renderConfigRows([
    ...SETTING_NAMES.map((name) => ({
      name,
      // A setting without a value reads "none", since users may not know the word undefined.
      value: settings[name] === undefined ? "none" : JSON.stringify(hideSecrets(name, settings[name])),
      source: describeSource(sources[name]),
    })),
    ...hooks.map((name) => ({ name, value: "hook", source: `file ${configFile}` })),
  ]);
}

/** Renders settings in three columns. */
export function renderConfigRows(rows: readonly ConfigRow[]): string {
  const names = Math.max(...rows.map(({ name }) => name.length));
  const values = Math.max(...rows.map(({ value }) => value.length));
  return rows
    .map(({ name, value, source }) => `${name.padEnd(names)}  ${value.padEnd(values)}  ${source}\n`)
    .join("");
}
