import { execFile } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { findConfigFile, readConfigFile } from "../../src/config/config-file.ts";
import { defineConfig } from "../../src/config/define-config.ts";
import { install } from "../install.ts";
import { folderWith } from "./folder.ts";

describe("the config file", () => {
  test.each([
    [["tsunicorn.config.ts", "tsunicorn.config.js"], "tsunicorn.config.ts"],
    [["tsunicorn.config.mts", "tsunicorn.config.mjs"], "tsunicorn.config.mts"],
    [["tsunicorn.config.mjs", "tsunicorn.config.js"], "tsunicorn.config.js"],
    [["tsunicorn.config.mjs"], "tsunicorn.config.mjs"],
  ])("of %j is %s where none is named", async (files, found) => {
    const folder = folderWith(Object.fromEntries(files.map((file) => [file, ""])));
    expect(await findConfigFile(undefined, folder)).toBe(path.join(folder, found));
  });

  test("may be missing where none is named", async () => {
    expect(await findConfigFile(undefined, folderWith({}))).toBeUndefined();
  });

  test("that is named must exist and be TypeScript or JavaScript", async () => {
    const folder = folderWith({ "config.json": "{}" });
    await expect(findConfigFile({ path: "x.ts", from: "flag -c" }, folder)).rejects.toThrow(
      `config: no such file: ${folder}/x.ts (from flag -c)`,
    );
    await expect(findConfigFile({ path: "config.json", from: "flag -c" }, folder)).rejects.toThrow(
      `config: ${folder}/config.json must end in .ts, .mts, .cts, .js, .mjs, .cjs (from flag -c)`,
    );
  });
});

/** Writes one config file and reads the settings that it gives. */
async function read(name: string, text: string, more: Readonly<Record<string, string>> = {}) {
  const folder = folderWith({ ...more, [name]: text });
  const { given, problems } = await readConfigFile(path.join(folder, name));
  expect(problems).toEqual([]);
  return Object.fromEntries([...given].map(([setting, { value }]) => [setting, value]));
}

/**
 * Reads a config file as the server does, in a thread of a process of its own.
 * @returns the settings that it gives, or why it cannot be used.
 */
async function readApart(name: string, text: string, more: Readonly<Record<string, string>> = {}) {
  const folder = folderWith({ ...more, [name]: text, "a.mjs": "" });
  install(folder, "tsunicorn", "tsx");
  const loader = new URL("../../dist/config/load-apart.js", import.meta.url).href;
  const script = `
    const { loadConfigApart } = await import(${JSON.stringify(loader)});
    const read = await loadConfigApart(["a.mjs", "-c", "${name}"], {}, process.cwd()).catch(({ problems }) => ({ problems }));
    const given = Object.entries(read.sources ?? {}).filter(([, { kind }]) => kind === "file").map(([name]) => name);
    console.log(JSON.stringify({ problems: read.problems, values: Object.fromEntries(given.map((name) => [name, read.settings[name]])) }));`;
  writeFileSync(path.join(folder, "read.mjs"), script);
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(folder, "read.mjs")], {
    cwd: folder,
  });
  const read: { problems?: string[]; values: Record<string, unknown> } = JSON.parse(stdout);
  return { ...read, problems: read.problems?.map((problem) => problem.replaceAll(folder, "@")) };
}

describe("a config file can be written", () => {
  test("in TypeScript, with defineConfig and files of its own", async () => {
    const text = `
      import { defineConfig, type TsunicornConfig } from "tsunicorn";
      import { workers } from "./workers";
      enum Level { Debug = "debug" }
      const more: TsunicornConfig = { logLevel: Level.Debug };
      export default defineConfig({ workers, ...more });
    `;
    const { values } = await readApart("c.ts", text, { "workers.ts": "export const workers: number = 3;" });
    expect(values).toEqual({ workers: 3, logLevel: "debug" });
  });

  test.each(["mts", "cts"])("in TypeScript of the ending .%s", async (ending) => {
    const text = {
      mts: "export default { workers: await Promise.resolve(3) };",
      cts: "export = { workers: 3 };",
    };
    expect((await readApart(`c.${ending}`, text[ending as "mts"])).values).toEqual({ workers: 3 });
  });

  test("in JavaScript", async () => {
    expect(await read("c.mjs", "export default { workers: 3 };")).toEqual({ workers: 3 });
    expect(await read("c.cjs", "module.exports = { workers: 3 };")).toEqual({ workers: 3 });
  });

  test("with one item for a list of one", async () => {
    const values = await read("c.mjs", `export default { bind: ":80", dirtyApps: "a:A" };`);
    expect(values).toEqual({ bind: [":80"], dirtyApps: ["a:A"] });
  });
});

describe("the hooks of a config file", () => {
  const layerOf = (text: string) => readConfigFile(path.join(folderWith({ "c.mjs": text }), "c.mjs"));

  test("are told by their names, and are not settings", async () => {
    const { given, hooks, problems } = await layerOf(
      "export default { workers: 2, postFork() {}, onExit: async () => {}, onReload: undefined };",
    );
    expect(hooks).toEqual(["postFork", "onExit"]);
    expect([...given.keys()]).toEqual(["workers"]);
    expect(problems).toEqual([]);
  });

  test.each([
    ["postFork: 5", "postFork: a hook must be a function, but this is a number (from file @/c.mjs)"],
    ["onExit: null", "onExit: a hook must be a function, but this is null (from file @/c.mjs)"],
    ["whenReady: {}", "whenReady: a hook must be a function, but this is an object (from file @/c.mjs)"],
    ["on_starting() {}", "on_starting: unknown setting (did you mean onStarting?) (from file @/c.mjs)"],
  ])("must be functions with known names: %s", async (text, problem) => {
    const folder = folderWith({ "c.mjs": `export default { ${text} };` });
    const { problems } = await readConfigFile(path.join(folder, "c.mjs"));
    expect(problems.map((text) => text.replaceAll(folder, "@"))).toEqual([problem]);
  });
});

test.each(["c.mjs", "c.js"])("a change of %s is seen when it is read again", async (name) => {
  const folder = folderWith({ [name]: "export default { workers: 2 }" });
  const file = path.join(folder, name);
  expect((await readConfigFile(file)).given.get("workers")?.value).toBe(2);
  writeFileSync(file, "export default { workers: 3 }");
  expect((await readConfigFile(file)).given.get("workers")?.value).toBe(3);
  expect(readdirSync(folder)).toEqual([name]);
});

describe("a config file that cannot be used is named with the reason", () => {
  test.each([
    ["c.mjs", "export default 5", "the default export must be an object, but it is a number;"],
    ["c.mjs", "export default [];", "the default export must be an object, but it is a list;"],
    ["c.mjs", "export const workers = 5;", "the default export must be an object, but it has none;"],
    ["c.mjs", "export default null", "the default export must be an object, but it is null;"],
    ["c.mjs", "export default () => ({})", "the default export must be an object, but it is a function;"],
    ["c.mjs", "\nthrow new Error('the disk is full');", "cannot be loaded: the disk is full (line 2)"],
    ["c.mjs", "throw 'a word';", "cannot be loaded: a word"],
    ["c.mjs", 'import "./gone.mjs";', "cannot be loaded: Cannot find module"],
  ])("%s: %j", async (name, text, message) => {
    const folder = folderWith({ [name]: text });
    const file = path.join(folder, name);
    await expect(readConfigFile(file)).rejects.toThrow(`${file}: ${message}`);
  });
});

test("a TypeScript config file that throws is named with the reason and the line", async () => {
  const { problems } = await readApart("c.ts", "\n\nthrow new Error('the disk is full');");
  expect(problems).toEqual(["@/c.ts: cannot be loaded: the disk is full (line 3)"]);
});

test("a syntax error in a TypeScript config file is named with its line", async () => {
  const { problems } = await readApart("c.ts", "export default {\n  x:: 1 };");
  expect(problems).toEqual([expect.stringMatching(/^@\/c\.ts: cannot be loaded: .*(:2:4|line 2)/)]);
});

test("defineConfig returns what it was given", () => {
  const config = { workers: 2 };
  expect(defineConfig(config)).toBe(config);
});
