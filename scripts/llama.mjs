import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ hasLlama, installLlama, LLAMA_VERSION }, { runScript }, { step }] = await Promise.all([
  import("./lib/llama.mjs"),
  import("./lib/run.mjs"),
  import("./lib/say.mjs"),
]);

const GPUS = ["cuda", "vulkan"];

await runScript(async () => {
  const gpus = process.argv.slice(2);
  const unknown = gpus.find((gpu) => !GPUS.includes(gpu));
  if (unknown !== undefined) throw new Error(`${unknown} is not one of ${GPUS.join(", ")}`);
  if (hasLlama(gpus)) return void process.stderr.write(`node-llama-cpp ${LLAMA_VERSION} is there\n`);
  await step(`Installing node-llama-cpp ${LLAMA_VERSION}`, () => installLlama(gpus));
});
