import { describe, expect, test } from "vitest";
import { run } from "../../src/cli/run.ts";
import { loadConfig } from "../../src/config/load.ts";
import { SETTING_NAMES } from "../../src/config/settings.ts";
import { folderWith } from "../config/folder.ts";

/** Runs the command in a folder with these files. In what it printed, `@` stands for the folder. */
async function tsunicorn(
  argv: readonly string[],
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
) {
  const cwd = folderWith(files);
  let out = "";
  let error = "";
  const code = await run(argv, {
    env,
    cwd,
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
    load: loadConfig,
  });
  return { code, out: out.replaceAll(cwd, "@"), error: error.replaceAll(cwd, "@") };
}

test("--version shows the version of the package", async () => {
  const { code, out } = await tsunicorn(["--version"]);
  expect(code).toBe(0);
  expect(out).toMatch(/^tsunicorn \d+\.\d+\.\d+\n$/);
});

describe("--check-config", () => {
  const files = {
    "tsunicorn.config.mjs": `export default { app: "main.ts", dirtyApps: ["./chat-app.ts:ChatApp"] }`,
    "main.js": "throw new Error('imported')",
    "chat-app.ts": "throw new Error('imported')",
  };

  test("says that the configuration is valid, and imports no app", async () => {
    expect(await tsunicorn(["--check-config"], files)).toEqual({
      code: 0,
      out: "configuration is valid\n",
      error: "",
    });
  });

  test("names each app whose file is missing", async () => {
    const { code, out, error } = await tsunicorn(
      ["--check-config", "--dirty-app", "gone:App", "nowhere"],
      files,
    );
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(error).toBe(
      [
        "tsunicorn: 2 problems in the configuration:",
        "  - app: no such file: @/nowhere (tried the extensions js, mjs, cjs, ts, mts, cts, tsx, jsx)",
        "  - dirtyApps: gone:App: no such file: @/gone (tried the extensions js, mjs, cjs, ts, mts, cts, tsx, jsx); for an app of a Gunicorn, give dirtySocket too",
        "",
      ].join("\n"),
    );
  });

  test("tells how to write a path that begins in the wrong folder", async () => {
    const { error } = await tsunicorn(["--check-config", "-c", "deploy/c.mjs", "deploy/main.js"], {
      "deploy/c.mjs": "export default {}",
      "deploy/main.js": "",
    });
    expect(error).toContain("; paths are relative to chdir, @/deploy: write main.js\n");
  });

  test("reports problems on stderr, without a stack trace", async () => {
    expect(await tsunicorn(["--check-config", "-w", "0"], files)).toEqual({
      code: 1,
      out: "",
      error: "tsunicorn: workers: 0 is not a whole number from 1 to 1000 (from flag -w)\n",
    });
  });
});

test("--print-config lists the hooks after the settings", async () => {
  const { out } = await tsunicorn(["--print-config", "main.ts"], {
    "tsunicorn.config.mjs": "export default { postFork() {}, onExit() {} }",
  });
  const rows = out.trimEnd().split("\n").slice(SETTING_NAMES.length);
  expect(rows.map((row) => row.split(/ {2,}/))).toEqual([
    ["postFork", "hook", "file @/tsunicorn.config.mjs"],
    ["onExit", "hook", "file @/tsunicorn.config.mjs"],
  ]);
});

test("--print-config shows every setting, its value and where it came from", async () => {
  const { code, out } = await tsunicorn(["--print-config", "main.ts", "-b", ":80"], {
    "tsunicorn.config.mjs": "export default { workers: 3 }",
  });
  expect(code).toBe(0);
  const rows = out.trimEnd().split("\n");
  expect(rows).toHaveLength(SETTING_NAMES.length);
  expect(rows.map((row) => row.split(/ {2,}/))).toEqual(
    expect.arrayContaining([
      ["app", '"@/main.ts"', "argument APP"],
      ["bind", '[":80"]', "flag -b"],
      ["workers", "3", "file @/tsunicorn.config.mjs"],
      ["dirtyBind", "none", "default"],
      ["accessLog", "false", "default"],
    ]),
  );
});

test("--print-config shows no secret", async () => {
  const { out } = await tsunicorn(
    ["--print-config", "main.ts", "--name", "redis://me:hush@db"],
    { "tsunicorn.config.mjs": "export default { resources: { api_key: ['hush'] } }" },
    { TSUNICORN_DIRTY_APPS: "./app.ts?api_key=hush:App" },
  );
  expect(out.match(/\(hidden\)/g)).toHaveLength(3);
  expect(out).not.toContain("hush");
});

test("a command line without anything points to --help", async () => {
  const { code, error } = await tsunicorn([]);
  expect(code).toBe(1);
  expect(error).toMatch(/^tsunicorn: app: none was given; .*\nTry tsunicorn --help\n$/);
});
