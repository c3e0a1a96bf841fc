import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashFiles, readIfThere } from "./files.mjs";
import { root } from "./root.mjs";
import { run } from "./run.mjs";
import { step } from "./say.mjs";

const folder = join(root, "test-apps");
const stampPath = join(folder, "node_modules/.tsunicorn-prepared");
/** What is built of the Next app, and with what. */
const SOURCES = [
  "package-lock.json",
  "next-app/next.config.mjs",
  "next-app/pages/index.js",
  "next-app/pages/api/events.js",
  "next-app/pages/api/parts.js",
];

/** Installs the packages of `test-apps`, and builds its Next app; does nothing where both are there. */
export async function prepareTestApps() {
  const files = SOURCES.map((name) => join(folder, name));
  const stamp = `${hashFiles(folder, files)} ${process.platform}-${process.arch}`;
  if (readIfThere(stampPath) === stamp) return;
  await step("Installing the packages of test-apps", () =>
    run("npm", "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder }),
  );
  const next = [join(folder, "node_modules/next/dist/bin/next"), "build", join(folder, "next-app")];
  await step("Building the Next app", () =>
    run("next build", process.execPath, next, { cwd: folder, env: { NEXT_TELEMETRY_DISABLED: "1" } }),
  );
  writeFileSync(stampPath, stamp);
}
