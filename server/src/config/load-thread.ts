/** The thread behind `loadConfigApart`: loads the settings once and answers with them or with the problems. */
import { parentPort, workerData } from "node:worker_threads";
import { ConfigError } from "./errors.ts";
import { loadConfig } from "./load.ts";
import type { LoadAnswer, LoadRequest } from "./load-apart.ts";

const { argv, env, cwd }: LoadRequest = workerData;
let answer: LoadAnswer;
try {
  answer = { loaded: await loadConfig(argv, env, cwd) };
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  answer = { problems: error.problems };
}
parentPort?.postMessage(answer);
// A timer that the config file left behind would keep the thread, but what it printed must still come out.
await new Promise((resolve) => process.stdout.write("", resolve));
await new Promise((resolve) => process.stderr.write("", resolve));
process.exit();
