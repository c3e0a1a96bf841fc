import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ join }, { prepare }, { root }, { CommandFailed, run, runScript }, { step }] = await Promise.all([
  import("node:path"),
  import("./lib/prepare.mjs"),
  import("./lib/root.mjs"),
  import("./lib/run.mjs"),
  import("./lib/say.mjs"),
]);

const tsc = (project) => [join(root, "node_modules/typescript/bin/tsc"), "--noEmit", "--project", project];
const CHECKS = [
  ["Types of server", tsc("server")],
  ["Types of chat", tsc("chat")],
  ["Types of web", tsc("web")],
  ["Types of tests and bench", tsc("tsconfig.test.json")],
  ["Lint and format", [join(root, "node_modules/@biomejs/biome/bin/biome"), "ci"]],
];

await runScript(async () => {
  // The chat and the tests are checked against the server's built types.
  await prepare();
  const failed = [];
  for (const [what, args] of CHECKS) {
    try {
      await step(what, () => run(what, process.execPath, args));
    } catch (error) {
      // All of them are run: one report of everything saves the second round.
      if (!(error instanceof CommandFailed)) throw error;
      process.stderr.write(`${error.output.trimEnd()}\n`);
      failed.push(what);
    }
  }
  if (failed.length > 0) throw new Error(`failed: ${failed.join(", ")}`);
});
