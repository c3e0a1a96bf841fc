import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ join }, { prepare }, { root }, { runScript }] = await Promise.all([
  import("node:path"),
  import("./lib/prepare.mjs"),
  import("./lib/root.mjs"),
  import("./lib/run.mjs"),
]);

await runScript(prepare);

// In this very process, as the chat starts the server: each one more would have to pass on every signal.
await import(join(root, "chat/bin/chat.mjs"));
