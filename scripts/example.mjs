import { requireNode } from "./lib/node-version.mjs";

requireNode();
const [{ existsSync, readdirSync }, { join }, { prepare }, { root }, { runScript }] = await Promise.all([
  import("node:fs"),
  import("node:path"),
  import("./lib/prepare.mjs"),
  import("./lib/root.mjs"),
  import("./lib/run.mjs"),
]);

const examples = join(root, "examples");
const [name, ...flags] = process.argv.slice(2);

await runScript(async () => {
  const names = readdirSync(examples)
    .filter((entry) => existsSync(join(examples, entry, "main.ts")))
    .sort();
  if (!names.includes(name)) {
    const what = name === undefined ? "Which example?" : `There is no example "${name}".`;
    throw new Error(`${what} npm run example NAME, where NAME is one of: ${names.join(", ")}`);
  }
  await prepare({ build: ["server"] });
});

// In this very process, as npm start does: each one more would have to pass on every signal. The server looks for the
// config file where it is started.
process.chdir(join(examples, name));
const command = join(root, "server/bin/tsunicorn.mjs");
process.argv = [process.execPath, command, "main.ts", ...flags];
await import(command);
