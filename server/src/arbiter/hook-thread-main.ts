/** The thread behind `HookRunner`: runs the config file once, then its hooks as they are asked for. */
import { parentPort, workerData } from "node:worker_threads";
import { pino } from "pino";
import { runConfigFile } from "../config/run-config-file.ts";
import { explain } from "../process/explain.ts";
import type { FromHookThread, HookCall, HookThreadData } from "./hook-messages.ts";

const { configFile, logLevel }: HookThreadData = workerData;
// The arbiter writes what hooks log: one process, one logger.
const log = pino(
  { level: logLevel, base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
  { write: (line: string) => say({ type: "log", line }) },
);

const config = await load();
process.on("unhandledRejection", (error) => {
  log.error({ err: error }, "a hook left a promise behind that was rejected");
});
parentPort?.on("message", (call: HookCall) => void run(call));

async function load(): Promise<object> {
  try {
    return await runConfigFile(configFile);
  } catch (error) {
    say({ type: "broken", reason: explain(error) });
    process.exit(1);
  }
}

async function run({ name, server, worker }: HookCall): Promise<void> {
  let answer: FromHookThread = { type: "done" };
  try {
    const hook: unknown = Reflect.get(config, name);
    if (typeof hook !== "function") throw new Error("The config file does not define it any more.");
    await hook.call(config, { ...server, log }, worker);
  } catch (error) {
    const stack = error instanceof Error && error.stack !== undefined ? error.stack : "";
    answer = { type: "failed", reason: explain(error), stack };
  }
  // What the hook printed goes through the arbiter, which may end as soon as it has the answer.
  await new Promise((resolve) => process.stdout.write("", resolve));
  await new Promise((resolve) => process.stderr.write("", resolve));
  say(answer);
}

function say(message: FromHookThread): void {
  parentPort?.postMessage(message);
}
