import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { folderWith } from "../config/folder.ts";
import { install } from "../install.ts";

/** The built command: `npm test` builds it before. */
const COMMAND = fileURLToPath(new URL("../../bin/tsunicorn.mjs", import.meta.url));

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

function tsunicorn(
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  return node([COMMAND, ...argv], cwd, env);
}

function node(
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...argv], {
      cwd,
      env: { PATH: process.env.PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const result = { out: "", error: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      result.out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      result.error += text;
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...result }));
  });
}

test("tsunicorn --help", async () => {
  const { code, out, error } = await tsunicorn(["--help"], folderWith({}));
  expect({ code, error }).toEqual({ code: 0, error: "" });
  expect(out).toContain("Usage: tsunicorn [options] APP\n");
});

test("tsunicorn --version", async () => {
  const { code, out } = await tsunicorn(["--version"], folderWith({}));
  expect(code).toBe(0);
  expect(out).toMatch(/^tsunicorn \d/);
});

test("tsunicorn --check-config with a TypeScript config file leaves nothing behind", async () => {
  const files = {
    "tsunicorn.config.ts": `
      import { defineConfig } from "tsunicorn";
      console.log("read by", process.env.WHO);
      setInterval(() => {}, 1000);
      export default defineConfig({ app: "./main", workers: 2 satisfies number });
    `,
    "main.ts": "",
  };
  const folder = folderWith({ ...files, "package.json": '{"type":"module"}', "tmp/x": "" });
  install(folder, "tsunicorn", "tsx");
  const before = readdirSync(folder).sort();
  const result = await tsunicorn(["--check-config"], folder, { WHO: "the test", TMPDIR: `${folder}/tmp` });
  expect(result).toEqual({ code: 0, out: "read by the test\nconfiguration is valid\n", error: "" });
  expect(readdirSync(folder).sort()).toEqual(before);
  expect(readdirSync(`${folder}/tmp`)).toEqual(["x"]);
});

test.each([
  ["that exits", "process.exit(0)"],
  ["that waits for something that never comes", "await new Promise(() => {})"],
])("a config file %s stops the start with a message", async (_, text) => {
  const folder = folderWith({ "c.mjs": `${text}; export default {}` });
  expect(await tsunicorn(["-c", "c.mjs", "main.ts"], folder)).toEqual({
    code: 1,
    out: "",
    error: "tsunicorn: the config file ended before it was loaded\n",
  });
});

test("a syntax error in a JavaScript config file is reported with its line", async () => {
  const folder = folderWith({ "c.mjs": "export default {\n  x:: 1,\n};" });
  const { code, error } = await tsunicorn(["-c", "c.mjs", "main.ts"], folder);
  expect(code).toBe(1);
  expect(error).toBe(`tsunicorn: ${folder}/c.mjs: cannot be loaded: Unexpected token ':' (line 2)\n`);
});

test("a reload sees changes in the config file and in what it imports", async () => {
  const loader = new URL("../../dist/config/load-apart.js", import.meta.url).href;
  const folder = folderWith({
    "c.mjs": 'import { workers } from "./workers.mjs"; export default { app: "main", workers };',
    "workers.mjs": "export const workers = 2;",
    "reload.mjs": `
      import { writeFileSync } from "node:fs";
      import { loadConfigApart } from "${loader}";
      const first = await loadConfigApart(["-c", "c.mjs"], {}, import.meta.dirname);
      writeFileSync(new URL("workers.mjs", import.meta.url), "export const workers = 3;");
      const second = await loadConfigApart(first.argv, first.env, first.cwd);
      console.log(first.settings.workers, second.settings.workers);
    `,
  });
  expect(await node(["reload.mjs"], folder)).toEqual({ code: 0, out: "2 3\n", error: "" });
});

test("a start with bad settings exits with 1 and one clear message", async () => {
  const result = await tsunicorn(["main.ts"], folderWith({ "main.ts": "" }), { TSUNICORN_WORKERS: "12abc" });
  expect(result).toEqual({
    code: 1,
    out: "",
    error:
      'tsunicorn: workers: "12abc" is not a whole number from 1 to 1000 (from environment TSUNICORN_WORKERS)\n',
  });
});

test("a start with an app that does not exist exits with 1 and one clear message", async () => {
  const folder = folderWith({});
  const { code, error } = await tsunicorn(["main.ts"], folder);
  expect(code).toBe(1);
  expect(error).toBe(
    `tsunicorn: app: no such file: ${folder}/main.ts (tried the extensions js, mjs, cjs, ts, mts, cts, tsx, jsx)\n`,
  );
});
