import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ basename, join }, { prepare }, { cacheDir, root }, { CommandFailed, run, runScript }, { sideStep }] =
  await Promise.all([
    import("node:path"),
    import("./lib/prepare.mjs"),
    import("./lib/root.mjs"),
    import("./lib/run.mjs"),
    import("./lib/say.mjs"),
  ]);

/** Type checking has a record of its own: that of a build says what was written, not what was checked. */
const tsc = (project, ...more) => [
  join(root, "node_modules/typescript/bin/tsc"),
  ...["--noEmit", "--project", project, "--incremental", ...more],
  ...["--tsBuildInfoFile", join(cacheDir, `check-${basename(project, ".json")}.tsbuildinfo`)],
];
const colours = process.stderr.isTTY ? "force" : "off";
const CHECKS = [
  ["Types of tests", tsc("tsconfig.test.json")],
  ["Types of server", tsc("server")],
  ["Types of chat", tsc("chat")],
  // Its plain JavaScript imports the chat's, which is built without types.
  ["Types of bench", tsc("bench")],
  ["Types of chaos", tsc("chaos")],
  ["Types of web", tsc("web")],
  ["Types of e2e", tsc("e2e")],
  ["Types of examples", tsc("examples")],
  ["Lint and format", [join(root, "node_modules/@biomejs/biome/bin/biome"), "ci", `--colors=${colours}`]],
];

/** More at once would only take turns on a small machine. */
const AT_ONCE = 2;

await runScript(async () => {
  // The chat and the tests are checked against the server's built types.
  await prepare();
  const failed = [];
  const left = [...CHECKS];
  const workOff = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [what, args] = next;
      try {
        await sideStep(what, () => run(what, process.execPath, args));
      } catch (error) {
        // All of them are run: one report of everything saves the second round.
        if (!(error instanceof CommandFailed)) throw error;
        process.stderr.write(`${error.output.trimEnd()}\n`);
        failed.push(what);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, workOff));
  if (failed.length > 0) throw new Error(`failed: ${failed.join(", ")}`);
});
