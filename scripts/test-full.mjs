import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ join }, scripts] = await Promise.all([
  import("node:path"),
  Promise.all([
    import("./lib/prepare.mjs"),
    import("./lib/root.mjs"),
    import("./lib/run-tests.mjs"),
    import("./lib/run.mjs"),
    import("./lib/say.mjs"),
    import("./lib/test-apps.mjs"),
  ]).then((modules) => Object.assign({}, ...modules)),
]);
const { prepare, prepareTestApps, root, runScript, runTests } = scripts;

await runScript(async () => {
  await prepare();
  await prepareTestApps();
  const config = join(root, "vitest.full.config.ts");
  process.exitCode = await runTests(["--config", config, ...process.argv.slice(2)]);
});
