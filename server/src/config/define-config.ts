import type { TsunicornConfig } from "./settings.ts";

/**
 * Gives a config file its types: `export default defineConfig({ … })`. Returns what it was given, unchecked;
 * values are checked when the server loads the file.
 */
export function defineConfig(config: TsunicornConfig): TsunicornConfig {
  return config;
}
