import { rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { hashFiles, listFiles, readIfThere } from "./files.mjs";
import { root } from "./root.mjs";
import { run } from "./run.mjs";

const STAMP = ".built";

/** What each workspace's output is made of, and how. */
const WORKSPACES = {
  server: {
    sources: ["server/src", "server/tsconfig.json", "tsconfig.base.json"],
    build: () => compile("server", { types: true }),
  },
  chat: {
    sources: ["chat/src", "chat/tsconfig.json", "tsconfig.base.json"],
    // No package imports the chat. Without types of its own, it need not wait for the server's.
    build: () => compile("chat", { types: false }),
  },
  web: {
    sources: [
      "web/src",
      "web/public",
      "web/index.html",
      "web/vite.config.ts",
      "web/compress.ts",
      "web/left-out.ts",
      "web/tsconfig.json",
    ],
    build: () => bundle("web"),
  },
};

/** Files that tsc writes for one source file. */
function outputsOf(workspace, source, types) {
  const stem = join(root, workspace, "dist", relative(join(root, workspace, "src"), source)).replace(
    /\.ts$/,
    "",
  );
  return [`${stem}.js`, `${stem}.js.map`, ...(types ? [`${stem}.d.ts`] : [])];
}

/**
 * Turns TypeScript into JavaScript. Types are not checked: that takes longer than all the rest, and `npm run
 * check` does it.
 */
async function compile(workspace, { types }) {
  const dist = join(root, workspace, "dist");
  const record = join(dist, ".tsbuildinfo");
  const sources = listFiles(join(root, workspace, "src")).filter((file) => file.endsWith(".ts"));
  const outputs = new Set(sources.flatMap((source) => outputsOf(workspace, source, types)));
  const present = new Set(listFiles(dist));
  for (const file of present) {
    // Else the output of a source that is gone could still be imported.
    if (!outputs.has(file) && file !== record) rmSync(file);
  }
  // tsc believes its record: it would not write an output again that was removed by hand.
  if ([...outputs].some((file) => !present.has(file))) rmSync(record, { force: true });
  await run(`Compiling ${workspace}`, process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    ...["--project", join(root, workspace), "--noCheck", "--declaration", String(types)],
    ...["--pretty", String(process.stderr.isTTY === true)],
  ]);
}

async function bundle(workspace) {
  const vite = join(root, "node_modules/vite/bin/vite.js");
  const options = { cwd: join(root, workspace), env: { NODE_ENV: "production" } };
  await run(`Bundling ${workspace}`, process.execPath, [vite, "build", "--logLevel", "warn"], options);
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
 * Builds workspaces, all at once. A stamp is written last: an interrupted build is stale.
 * @param {string[]} names
 * @param {string} installed the stamp of the installation
 */
export async function build(names, installed) {
  const results = await Promise.allSettled(
    names.map(async (name) => {
      // Of the sources before the build: what changes while it runs makes it stale.
      const stamp = buildStamp(name, installed);
      rmSync(stampPath(name), { force: true });
      await WORKSPACES[name].build();
      writeFileSync(stampPath(name), stamp);
    }),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
