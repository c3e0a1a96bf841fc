import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ prepare }, { runScript }] = await Promise.all([
  import("./lib/prepare.mjs"),
  import("./lib/run.mjs"),
]);

await runScript(prepare);
