/** The README's "Write your own", with the packed package in folders as people have them, on every Node. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repository } from "../e2e/support/command.ts";
import { filesOf, section } from "../e2e/support/examples.ts";
import { startServer } from "../server/test/integration/harness.ts";
import { NO_PYTHON } from "../server/test/python/python.ts";
import { NODES, readsTypeScript, skipMissing } from "./nodes.mjs";

const run = promisify(execFile);
const npm = (cwd, ...args) => run("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], { cwd });
const FILES = filesOf(section("README.md", "Write your own"));
const TSX = "tsx@4.23.15";
const YARN = "@yarnpkg/cli-dist@4.18.1";

/** How a folder becomes a package; each returns the folder of the app. */
const KINDS = {
  "after npm init -y": async (folder) => {
    await npm(folder, "init", "-y");
    return folder;
  },
  "a module package": async (folder) => {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "own", type: "module" }));
    return folder;
  },
  "a workspace": async (folder) => {
    const app = join(folder, "packages/own");
    mkdirSync(app, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ workspaces: ["packages/*"] }));
    writeFileSync(join(app, "package.json"), JSON.stringify({ name: "own", version: "1.0.0" }));
    return app;
  },
};

let scratch;
let tarball;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "tsunicorn-own-"));
  const { stdout } = await npm(join(repository, "server"), "pack", "--json", "--pack-destination", scratch);
  tarball = join(scratch, JSON.parse(stdout)[0].filename);
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.each(Object.keys(KINDS))("%s", (kind) => {
  let app;
  let script;

  beforeAll(async () => {
    const folder = mkdtempSync(join(scratch, "app-"));
    app = await KINDS[kind](folder);
    for (const [name, text] of FILES) writeFileSync(join(app, name), text);
    await npm(app, "install", tarball);
    script = join(folder, "node_modules/tsunicorn/bin/tsunicorn.mjs");
  });

  async function answer(node) {
    const server = await startServer({ args: ["main.ts"], cwd: app, node, script });
    try {
      return await (await fetch(`${server.url}/?text=well+said`)).text();
    } finally {
      await server.stop();
    }
  }

  const [reading, others] = [true, false].map((reads) =>
    NODES.filter((node) => readsTypeScript(node) === reads),
  );

  test.for(reading)("serves on Node $name, with nothing else installed", async (node, context) => {
    skipMissing(node, context);
    expect(await answer(node.path)).toBe("HEAR, HEAR: WELL SAID (2 words)\n");
  });

  test.each(others)("says on Node $name what to install, and serves then", async ({ path }) => {
    const failed = await run(path, [script, "main.ts"], { cwd: app }).catch((error) => error);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("npm install tsx");
    await npm(app, "install", TSX);
    expect(await answer(path)).toBe("HEAR, HEAR: WELL SAID (2 words)\n");
  });
});

test("with Yarn's Plug'n'Play, which makes no node_modules, apps in TypeScript and in Python serve", async () => {
  const app = mkdtempSync(join(scratch, "pnp-"));
  const tools = mkdtempSync(join(scratch, "yarn-"));
  for (const [name, text] of FILES) writeFileSync(join(app, name), text);
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "own", type: "module" }));
  writeFileSync(join(app, "loud.py"), "class Loud:\n    pass\n");
  await npm(tools, "init", "-y");
  await npm(tools, "install", YARN);
  const yarn = join(tools, "node_modules/@yarnpkg/cli-dist/bin/yarn.js");
  const registry = (await npm(tools, "config", "get", "registry")).stdout.trim().replace(/\/$/, "");
  const env = {
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_UNSAFE_HTTP_WHITELIST: registry.startsWith("http:") ? "*" : "",
    YARN_GLOBAL_FOLDER: join(tools, "global"),
    YARN_ENABLE_GLOBAL_CACHE: "false",
    YARN_ENABLE_TELEMETRY: "0",
    YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
  };
  await run(process.execPath, [yarn, "add", `tsunicorn@file:${tarball}`, TSX], {
    cwd: app,
    env: { ...process.env, ...env },
  });
  const apps = ["./shout-app.ts:ShoutApp", ...(NO_PYTHON === undefined ? ["python:loud:Loud"] : [])];
  const server = await startServer({
    script: yarn,
    args: ["run", "tsunicorn", "main.ts", ...apps.flatMap((spec) => ["--dirty-app", spec])],
    cwd: app,
    // The thread of Yarn's hooks has the environment as it was before the server could say so to tsx.
    env: { ...env, TSX_DISABLE_CACHE: "1" },
  });
  try {
    expect(await (await fetch(`${server.url}/?text=well+said`)).text()).toBe(
      "HEAR, HEAR: WELL SAID (2 words)\n",
    );
  } finally {
    await server.stop();
  }
});
