import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ prepare }, { run, runScript }] = await Promise.all([
  import("./lib/prepare.mjs"),
  import("./lib/run.mjs"),
]);

await runScript(async () => {
  await prepare();
  const args = ["--import", "tsx", "chaos/main.ts", ...process.argv.slice(2)];
  await run("The chaos", process.execPath, args, { show: true });
});
