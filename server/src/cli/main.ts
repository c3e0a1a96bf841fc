/** The entry of the `tsunicorn` command, and with it of the arbiter. */

// Before a handler stands, SIGUSR1 would open Node's inspector. Everything else is imported after it.
process.on("SIGUSR1", () => {});

const { run } = await import("./run.ts");
const exitCode = await run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
});
if (exitCode !== undefined) process.exitCode = exitCode;

export {};
