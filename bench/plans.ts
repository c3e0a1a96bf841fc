import { fileURLToPath } from "node:url";
import type { ServerPlan } from "./servers.ts";

const path = (relative: string) => fileURLToPath(new URL(`../${relative}`, import.meta.url));

/** How the simulated model, which both sides share, is to pace its answers. */
export interface Pace {
  /** Tokens of each answer. */
  tokens: number;
  /** Time between one token and the next, in ms; 0 for as fast as it goes. */
  intervalMs: number;
}

/** Settings of the simulated model: the same for both sides, which run the same generator. */
function modelSettings({ tokens, intervalMs }: Pace): Record<string, string> {
  return {
    CHAT_SIMULATED_TOKENS: String(tokens),
    CHAT_TOKEN_DELAY_MS: String(intervalMs),
    // Before every token, not only before words: else tokens come in bursts, and a server that joins the
    // writes of a burst would look better than it is.
    CHAT_SIMULATED_PAUSE: "token",
  };
}

/** The bare `node:http` server. */
export function barePlan(node: string, pace: Pace): ServerPlan {
  return { program: node, args: [path("bench/bare-server.mjs"), "{port}"], env: modelSettings(pace) };
}

/** The chat on Tsunicorn, with one HTTP worker and one dirty worker. */
export function chatPlan(node: string, pace: Pace): ServerPlan {
  return {
    program: node,
    args: [
      path("server/bin/tsunicorn.mjs"),
      path("chat/dist/main.js"),
      "--config",
      path("chat/dist/tsunicorn.config.js"),
      ...["--bind", "127.0.0.1:{port}"],
      ...["--workers", "1"],
      ...["--dirty-workers", "1"],
    ],
    env: modelSettings(pace),
  };
}

/** The chat with answers that are one block of Markdown each, for the page to show. */
export function shapesPlan(node: string): ServerPlan {
  const plan = chatPlan(node, { tokens: 1, intervalMs: 0 });
  return { ...plan, env: { CHAT_MODELS: `shapes=${path("e2e/support/apps/shapes-app.ts")}:ShapesApp` } };
}

/** The GGUF files of the llama measure, by the names that requests choose them with. */
export type LlamaFiles = Readonly<Record<string, string>>;

/** One thread: two that wait for each other take seconds a token where the machine is busy. */
const LLAMA_SETTINGS = {
  CHAT_LLAMA_GPU: "off",
  CHAT_LLAMA_THREADS: "1",
  CHAT_LLAMA_SEQUENCES: "4",
  CHAT_LLAMA_CONTEXT: "512",
};

/** The chat with GGUF files, all in one dirty worker. */
export function llamaPlan(node: string, files: LlamaFiles): ServerPlan {
  const models = Object.entries(files).map(([name, file]) => `${name}=llama:${file}`);
  const plan = chatPlan(node, { tokens: 1, intervalMs: 0 });
  return { ...plan, env: { ...LLAMA_SETTINGS, CHAT_MODELS: models.join(",") } };
}

/** The same files in one process, with node-llama-cpp alone. */
export function bareLlamaPlan(node: string, files: LlamaFiles): ServerPlan {
  const models = Object.entries(files).map(([name, file]) => `${name}=${file}`);
  return { program: node, args: [path("bench/bare-llama.mjs"), "{port}", ...models], env: LLAMA_SETTINGS };
}

/** The chat with a plain and an `async` generator in Python, each in a dirty worker, and the one in TypeScript. */
export function pythonPlan(node: string, tokens: number): ServerPlan {
  const plan = chatPlan(node, { tokens, intervalMs: 0 });
  const models = "plain=python:tokens_app:Tokens,async=python:tokens_app:AsyncTokens,simulated";
  return { ...plan, env: { ...plan.env, CHAT_MODELS: models, PYTHONPATH: path("bench/apps") } };
}

/** The `async` generator in one Python process, behind the least of a server. */
export function barePythonPlan(): ServerPlan {
  return { program: "python3", args: [path("bench/bare-server.py"), "{port}"], env: {} };
}

/** What `npm start` starts, with all its defaults but the address: two HTTP workers and one dirty worker. */
export function defaultPlan(node: string): ServerPlan {
  return { program: node, args: [path("scripts/start.mjs"), "--bind", "127.0.0.1:{port}"], env: {} };
}

/** A server whose dirty app does nothing but spin, with one HTTP worker. */
export function spinPlan(node: string, dirtyWorkers: number): ServerPlan {
  return {
    program: node,
    args: [
      path("server/bin/tsunicorn.mjs"),
      path("bench/apps/spin-main.ts"),
      ...["--chdir", path("bench/apps")],
      ...["--dirty-app", "./spin-app.ts:SpinApp"],
      ...["--bind", "127.0.0.1:{port}"],
      ...["--workers", "1"],
      ...["--dirty-workers", String(dirtyWorkers)],
    ],
    env: {},
  };
}

/** A server whose dirty app counts, and says where it runs and when it was aborted; with one HTTP worker. */
export function faultsPlan(node: string, dirtyWorkers: number): ServerPlan {
  return {
    program: node,
    args: [
      path("server/bin/tsunicorn.mjs"),
      path("bench/apps/faults-main.ts"),
      ...["--chdir", path("bench/apps")],
      ...["--dirty-app", "./faults-app.ts:FaultsApp"],
      ...["--bind", "127.0.0.1:{port}"],
      ...["--workers", "1"],
      ...["--dirty-workers", String(dirtyWorkers)],
      ...["--log-format", "json"],
    ],
    env: {},
  };
}
