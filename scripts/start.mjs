import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ join }, { prepare }, { root }, { runScript }] = await Promise.all([
  import("node:path"),
  import("./lib/prepare.mjs"),
  import("./lib/root.mjs"),
  import("./lib/run.mjs"),
]);

await runScript(prepare);

// The chat runs in this very process: one more between the terminal and the arbiter would have to pass on every
// signal and the exit code.
const command = join(root, "server/bin/tsunicorn.mjs");
const chat = join(root, "chat/dist");
process.argv = [
  process.execPath,
  command,
  join(chat, "main.js"),
  "--config",
  join(chat, "tsunicorn.config.js"),
  ...process.argv.slice(2),
];
await import(command);
