import { requireNode } from "./lib/node-version.mjs";

requireNode();
const scripts = await Promise.all([
  import("./lib/llama.mjs"),
  import("./lib/prepare.mjs"),
  import("./lib/run-tests.mjs"),
  import("./lib/run.mjs"),
  import("./lib/say.mjs"),
  import("./lib/tools.mjs"),
  import("./lib/transformers.mjs"),
]).then((modules) => Object.assign({}, ...modules));
const { findTools, hasLlama, hasTransformers, installLlama, installTransformers } = scripts;
const { prepare, runScript, runTests, step } = scripts;

/** Where they cannot be installed, the tests that need them are skipped. */
async function prepareModels() {
  const optional = [
    { name: "node-llama-cpp", has: hasLlama, install: installLlama, tests: "GGUF files" },
    { name: "transformers.js", has: hasTransformers, install: installTransformers, tests: "ONNX models" },
  ];
  for (const { name, has, install, tests } of optional) {
    if (has()) continue;
    await step(`Installing ${name}`, () => install()).catch((error) =>
      process.stderr.write(`${error.message}: the tests of ${tests} are skipped\n`),
    );
  }
}

await runScript(async () => {
  const filters = process.argv.slice(2);
  await prepare();
  // A run of a few tests takes what is there: it should not wait for a browser that it may not need.
  const tools = await findTools({ install: filters.length === 0 });
  if (filters.length === 0) await prepareModels();
  process.exitCode = await runTests(filters, tools);
});
