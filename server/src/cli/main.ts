/** The entry of the `tsunicorn` command, and with it of the arbiter. */

// Before a handler stands, SIGUSR1 would open Node's inspector. Everything else is imported after it.
process.on("SIGUSR1", () => {});

const { leaveProcessOne } = await import("./process-one.ts");
const advice = await leaveProcessOne();
if (advice !== undefined) process.stderr.write(`tsunicorn: ${advice}\n`);

const { isatty } = await import("node:tty");
const { run } = await import("./run.ts");
const exitCode = await run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  // Into a file or a pipe, lines may be as long as they are.
  columns: isatty(1) ? process.stdout.columns : Number.POSITIVE_INFINITY,
});
if (exitCode !== undefined) process.exitCode = exitCode;

export {};
