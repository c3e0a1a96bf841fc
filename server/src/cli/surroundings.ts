import type { LoadedConfig } from "../config/load.ts";

/** What the command needs of the process that it runs in. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly writeOut: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Width of the terminal; default: 100. */
  readonly columns?: number;
  /** The folder of temporary files; default: the system's. */
  readonly temporary?: string;
  /** Loads the settings; default: `loadConfigApart`. */
  readonly load?: (argv: readonly string[], env: NodeJS.ProcessEnv, cwd: string) => Promise<LoadedConfig>;
}
