import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { FromChild } from "../../src/process/channel.ts";
import { folderWith } from "../config/folder.ts";
import { install } from "../install.ts";
import { eventually } from "../integration/harness.ts";

const dist = (file: string): string => new URL(`../../dist/process/${file}`, import.meta.url).href;

/** Loads main.EXT of these files in a process of its own. @returns the files that it told, when they are as many. */
async function loadedOf(main: string, files: Record<string, string>, count: number): Promise<string[]> {
  const folder = folderWith({
    ...files,
    "child.mjs": `
      import { reportLoadedFiles } from ${JSON.stringify(dist("loaded-files.js"))};
      import { loadModule } from ${JSON.stringify(dist("load-module.js"))};
      reportLoadedFiles();
      process.on("message", () => {});
      await loadModule(${JSON.stringify(path.join("@", main))}.replace("@", import.meta.dirname)).catch(() => {
        if (process.env.END) process.exit(1);
      });`,
  });
  install(folder, "tsx");
  const child: ChildProcess = fork(path.join(folder, "child.mjs"), {
    env: { ...process.env, ...(files["END"] === undefined ? {} : { END: "1" }) },
    execArgv: [],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const told: string[] = [];
  child.on("message", (message: FromChild) => {
    if (message.type === "loadedFiles") told.push(...message.files);
  });
  await eventually(`${count} files are told, and not ${told}`, () => told.length >= count);
  return told.map((file) => path.relative(folder, file)).sort();
}

const CJS = {
  "c.cjs": 'exports.c = require("./c2.cjs") + require("./c3.json").n;',
  "c2.cjs": "module.exports = 1;",
  "c3.json": '{"n": 1}',
};

test("of ECMAScript modules, what they import, also later, and what that requires", async () => {
  const files = {
    "main.mjs": `
      import { a } from "./a.mjs"; import c from "./c.cjs"; import fs from "node:fs"; import pkg from "pkg";
      import { createRequire } from "node:module";
      createRequire(import.meta.url)("./b.json");
      setTimeout(() => import("./later.mjs"), 50);`,
    "a.mjs": "export const a = 1;",
    "b.json": "{}",
    "later.mjs": "",
    "node_modules/pkg/package.json": '{"name":"pkg","main":"index.js"}',
    "node_modules/pkg/index.js": "",
    ...CJS,
  };
  const expected = ["a.mjs", "b.json", "c.cjs", "c2.cjs", "c3.json", "later.mjs", "main.mjs"];
  expect(await loadedOf("main.mjs", files, expected.length)).toEqual(expected);
});

test("of CommonJS, what it requires", async () => {
  expect(await loadedOf("c.cjs", CJS, 3)).toEqual(["c.cjs", "c2.cjs", "c3.json"]);
});

test.each([
  ["that is ECMAScript modules", { "package.json": '{"type":"module"}' }],
  ["that is CommonJS", {}],
])("of TypeScript %s", async (_what, more) => {
  const files = {
    ...more,
    "main.ts":
      'import { a } from "./a.ts"; import * as c from "./c.cjs"; export const sum: number = a + c.c;',
    "a.ts": "export const a: number = 1;",
    ...CJS,
  };
  const expected = ["a.ts", "c.cjs", "c2.cjs", "c3.json", "main.ts"];
  expect(await loadedOf("main.ts", files, expected.length)).toEqual(expected);
});

test("also a file that cannot be run or is not there, by a process that ends of it", async () => {
  const broken = { "main.mjs": 'import "./broken.mjs";', "broken.mjs": "export const ( = 1;", END: "" };
  expect(await loadedOf("main.mjs", broken, 2)).toEqual(["broken.mjs", "main.mjs"]);
  const missing = { "main.mjs": 'import "./gone.mjs";', END: "" };
  expect(await loadedOf("main.mjs", missing, 2)).toEqual(["gone.mjs", "main.mjs"]);
  const required = { "main.cjs": 'require("./broken.cjs");', "broken.cjs": "this is not code", END: "" };
  expect(await loadedOf("main.cjs", required, 2)).toEqual(["broken.cjs", "main.cjs"]);
});
