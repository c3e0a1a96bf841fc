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
import { NODES, readsTypeScript, skipMissing } from "./nodes.mjs";

const run = promisify(execFile);
const npm = (cwd, ...args) => run("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], { cwd });
const FILES = filesOf(section("README.md", "Write your own"));
const TSX = "tsx@4.23.15";

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
