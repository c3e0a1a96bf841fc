#!/usr/bin/env node
import { fileURLToPath } from "node:url";
import { takeModelFlags } from "./model-flags.mjs";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

let flags;
try {
  flags = takeModelFlags(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
Object.assign(process.env, flags.variables);

// The server runs in this very process: one more between the terminal and the arbiter would have to pass on every
// signal and the exit code.
const command = path("../../server/bin/tsunicorn.mjs");
const config = path("../dist/tsunicorn.config.js");
process.argv = [process.execPath, command, path("../dist/main.js"), "--config", config, ...flags.args];
await import(command);
