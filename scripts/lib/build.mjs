import { rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { hashFiles, listFiles, readIfThere } from "./files.mjs";
import { root } from "./root.mjs";
import { run } from "./run.mjs";

const STAMP = ".built";

/** What each workspace's output is made of, and what has to be built before it (tsc reads its types). */
const WORKSPACES = {
  server: {
    sources: ["server/src", "server/tsconfig.json", "tsconfig.base.json"],
    after: [],
    build: compile,
  },
  chat: {
    sources: ["chat/src", "chat/tsconfig.json", "tsconfig.base.json"],
    after: ["server"],
    build: compile,
  },
  web: {
    sources: ["web/src", "web/public", "web/index.html", "web/vite.config.ts", "web/tsconfig.json"],
    after: [],
    build: bundle,
  },
};

/** Outputs that tsc writes for one source file. */
function outputsOf(workspace, source) {
  const stem = join(root, workspace, "dist", relative(join(root, workspace, "src"), source)).replace(
    /\.ts$/,
    "",
  );
  return [`${stem}.js`, `${stem}.js.map`, `${stem}.d.ts`];
}

async function compile(workspace) {
  const dist = join(root, workspace, "dist");
  const record = join(dist, ".tsbuildinfo");
  const sources = listFiles(join(root, workspace, "src")).filter((file) => file.endsWith(".ts"));
  const outputs = new Set(sources.flatMap((source) => outputsOf(workspace, source)));
  const present = new Set(listFiles(dist));
  for (const file of present) {
    // Else the output of a source that is gone could still be imported.
    if (!outputs.has(file) && file !== record) rmSync(file);
  }
  // tsc believes its record: it would not write again what somebody removed.
  if ([...outputs].some((file) => !present.has(file))) rmSync(record, { force: true });
  await run(`Compiling ${workspace}`, process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    "--project",
    join(root, workspace),
    "--pretty",
    String(process.stderr.isTTY === true),
  ]);
}

async function bundle(workspace) {
  await run(
    `Bundling ${workspace}`,
    process.execPath,
    [join(root, "node_modules/vite/bin/vite.js"), "build", "--logLevel", "warn"],
    { cwd: join(root, workspace), env: { NODE_ENV: "production" } },
  );
}

const stampPath = (workspace) => join(root, workspace, "dist", STAMP);

/**
 * What a workspace's output depends on: its sources and the installed packages.
 * @param {string} workspace
 * @param {string} installed the stamp of the installation
 * @returns {string}
 */
export function buildStamp(workspace, installed) {
  const { sources } = WORKSPACES[workspace];
  return `${hashFiles(
    root,
    sources.map((source) => join(root, source)),
  )} ${installed}`;
}

/**
 * Names the workspaces whose output is not what their sources say.
 * @param {string} installed the stamp of the installation
 * @returns {string[]}
 */
export function staleWorkspaces(installed) {
  return Object.keys(WORKSPACES).filter(
    (workspace) => readIfThere(stampPath(workspace)) !== buildStamp(workspace, installed),
  );
}

/**
 * Builds workspaces, each as soon as those that it needs are there. A stamp is written last: an interrupted
 * build is stale.
 * @param {string[]} names
 * @param {string} installed the stamp of the installation
 */
export async function build(names, installed) {
  const started = new Map();
  const start = (name) => {
    if (!names.includes(name)) return Promise.resolve();
    const { after, build: make } = WORKSPACES[name];
    const work = async () => {
      await Promise.all(after.map((needed) => started.get(needed)));
      const stamp = buildStamp(name, installed);
      rmSync(stampPath(name), { force: true });
      await make(name);
      writeFileSync(stampPath(name), stamp);
    };
    return work();
  };
  for (const name of Object.keys(WORKSPACES)) started.set(name, start(name));
  const results = await Promise.allSettled(started.values());
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
