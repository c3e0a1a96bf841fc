import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ prepare }, { run, runScript }] = await Promise.all([
  import("./lib/prepare.mjs"),
  import("./lib/run.mjs"),
]);

await runScript(async () => {
  await prepare();
  const args = ["--import", "tsx", "bench/main.ts", ...process.argv.slice(2)];
  await run("The bench", process.execPath, args, { show: true });
});
