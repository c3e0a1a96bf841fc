import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ mkdtempSync, rmSync }, { tmpdir }, { join }, scripts] = await Promise.all([
  import("node:fs"),
  import("node:os"),
  import("node:path"),
  Promise.all([
    import("./lib/files.mjs"),
    import("./lib/llama.mjs"),
    import("./lib/prepare.mjs"),
    import("./lib/root.mjs"),
    import("./lib/run.mjs"),
    import("./lib/say.mjs"),
    import("./lib/summary.mjs"),
    import("./lib/tools.mjs"),
    import("./lib/transformers.mjs"),
  ]).then((modules) => Object.assign({}, ...modules)),
]);
const { CommandFailed, findTools, hasLlama, hasTransformers, installLlama, installTransformers } = scripts;
const { prepare, readIfThere, root, run, runScript, step, summarise } = scripts;

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

/** Runs vitest; what it printed is on the screen already. Returns its exit code. */
async function runVitest(filters, env) {
  const args = ["node_modules/vitest/vitest.mjs", "run", "--reporter=default"];
  args.push(`--reporter=${join(root, "scripts/lib/vitest-reporter.mjs")}`, ...filters);
  try {
    await run("vitest", process.execPath, args, { show: true, env });
    return 0;
  } catch (error) {
    if (error instanceof CommandFailed) return error.code;
    throw error;
  }
}

await runScript(async () => {
  const filters = process.argv.slice(2);
  await prepare();
  // A run of a few tests takes what is there: it should not wait for a browser that it may not need.
  const tools = await findTools({ install: filters.length === 0 });
  if (filters.length === 0) await prepareModels();
  const folder = mkdtempSync(join(tmpdir(), "tsunicorn-test-"));
  try {
    const path = join(folder, "report.json");
    // What a platform says of its one server, no server of the tests must hear.
    const platform = { PORT: undefined, HOST: undefined, WEB_CONCURRENCY: undefined };
    const code = await runVitest(filters, { ...tools, ...platform, VITEST_TEST_REPORT: path });
    const text = readIfThere(path);
    if (text === undefined) throw new Error(`vitest ended with exit code ${code} and no report`);
    const { lines, passed, failed } = summarise(JSON.parse(text), {
      byName: filters.some((word) => /^(-t|--testNamePattern)/.test(word)),
    });
    console.log(`\n${lines.join("\n")}`);
    // A run that tested nothing has shown nothing.
    process.exitCode = code !== 0 ? code : failed > 0 || passed === 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
