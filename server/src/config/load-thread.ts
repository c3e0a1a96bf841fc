/** The thread behind `loadConfigApart`: loads the settings once and answers with them or with the problems. */
import { parentPort, workerData } from "node:worker_threads";
import { ConfigError } from "./errors.ts";
import { loadConfig } from "./load.ts";
import type { LoadAnswer, LoadRequest } from "./load-apart.ts";

// Not awaited at the top: of a config file that waits for ever, Node would print where this file waits for it.
void answer(workerData);

async function answer({ argv, env, cwd }: LoadRequest): Promise<void> {
  parentPort?.postMessage(await load(argv, env, cwd));
  // A timer that the config file left behind would keep the thread, but what it printed must still come out.
  await new Promise((resolve) => process.stdout.write("", resolve));
  await new Promise((resolve) => process.stderr.write("", resolve));
  process.exit();
}

async function load(...request: Parameters<typeof loadConfig>): Promise<LoadAnswer> {
  try {
    return { loaded: await loadConfig(...request) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    throw error;
  }
}
