import { SHARE_ENV, Worker } from "node:worker_threads";
import { deadline } from "../process/deadline.ts";
import { OWN_OUTPUT, passOutputOn } from "../process/thread-output.ts";
import { ConfigError } from "./errors.ts";
import type { LoadedConfig } from "./load.ts";

/** What the thread is given. */
export interface LoadRequest {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** What the thread answers. */
export type LoadAnswer = { readonly loaded: LoadedConfig } | { readonly problems: readonly string[] };

/** A config file waits for something that never comes: say so instead of hanging without a word. */
const LONGEST_LOAD_MS = 30_000;

/**
 * Does what `loadConfig` does in a thread that ends with it. The validators, the TypeScript loader and the
 * modules of the config file take some 35 MiB that a process never gives back, but a thread does; each load
 * runs the file and all that it imports anew; and the caller's event loop goes on meanwhile.
 *
 * @throws {ConfigError} with every problem that was found, also where the file ends the thread or takes more
 *   than 30 s.
 */
export async function loadConfigApart(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<LoadedConfig> {
  const request: LoadRequest = { argv: [...argv], env: { ...env }, cwd };
  const thread = new Worker(new URL("./load-thread.js", import.meta.url), {
    workerData: request,
    ...OWN_OUTPUT,
    // What a config file writes into process.env is meant for the server and its children.
    env: SHARE_ENV,
  });
  passOutputOn(thread);
  try {
    const loading = new Promise<LoadAnswer>((resolve, reject) => {
      let received: LoadAnswer = { problems: ["the config file ended before it was loaded"] };
      thread.once("message", (message: LoadAnswer) => {
        received = message;
      });
      thread.once("error", reject);
      // Not before: what the config file printed is still on its way when the answer is there.
      thread.once("exit", () => resolve(received));
    });
    const answer = await deadline(LONGEST_LOAD_MS, loading, () => ({
      problems: [`the config file was not loaded within ${LONGEST_LOAD_MS / 1000} s`],
    }));
    if ("problems" in answer) throw new ConfigError(answer.problems);
    return answer.loaded;
  } finally {
    await thread.terminate();
  }
}
