import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ hasTransformers, installTransformers, TRANSFORMERS_VERSION }, { runScript }, { step }] =
  await Promise.all([import("./lib/transformers.mjs"), import("./lib/run.mjs"), import("./lib/say.mjs")]);

await runScript(async () => {
  const name = `@huggingface/transformers ${TRANSFORMERS_VERSION}`;
  if (hasTransformers()) return void process.stderr.write(`${name} is there\n`);
  await step(`Installing ${name}`, installTransformers);
});
