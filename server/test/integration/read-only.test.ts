/** A server whose folder for temporary files cannot be written, as in a container with a read-only file system. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NO_PYTHON } from "../python/python.ts";
import { removeFolder, startServer, temporaryFolder } from "./harness.ts";

const BIN = new URL("../../bin/tsunicorn.mjs", import.meta.url).pathname;
// In which also root cannot make a folder.
const NOT_WRITABLE = { TMPDIR: "/proc" };

let folder: string;

beforeEach(() => {
  folder = temporaryFolder({
    "main.mjs": `import { getDirtyClient } from "tsunicorn";
      export default async ({ url }, response) => {
        const app = url === "/python" ? "python:apps:App" : "./app.mjs:App";
        response.end(await getDirtyClient().execute(app, "hello"));
      };`,
    "app.mjs": `import { DirtyApp } from "tsunicorn";
      export class App extends DirtyApp { hello() { return "hello"; } }`,
    "apps.py": `class App:
    def hello(self):
        return "hello"
`,
  });
  for (const name of ["run", "ctl"]) mkdirSync(join(folder, name));
});

afterEach(() => removeFolder(folder));

test("the start names the folder that it needs, and what names another", () => {
  const { status, stderr } = spawnSync(process.execPath, [BIN, "main.mjs", "--bind", "127.0.0.1:0"], {
    cwd: folder,
    env: { ...process.env, ...NOT_WRITABLE },
    encoding: "utf8",
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /Cannot make a folder for the sockets .* in \/proc: .*; name another with the environment variable TMPDIR, or .*--dirty-bind or --control-socket/,
  );
});

test("needs no folder where the sockets have paths", async () => {
  const python = NO_PYTHON === undefined;
  const server = await startServer({
    args: [
      "main.mjs",
      ...["--dirty-app", "./app.mjs:App", ...(python ? ["--dirty-app", "python:apps:App"] : [])],
      ...["--dirty-bind", "run/dirty.sock", "--control-socket", "ctl/control.sock"],
    ],
    cwd: folder,
    env: NOT_WRITABLE,
  });
  try {
    for (const path of python ? ["/", "/python"] : ["/"])
      expect(await (await fetch(server.url + path)).text()).toBe("hello");
    const { status } = spawnSync(process.execPath, [BIN, "ctl", "ping", "--socket", "ctl/control.sock"], {
      cwd: folder,
    });
    expect(status).toBe(0);
  } finally {
    await server.stop();
  }
  expect(readdirSync(join(folder, "run"))).toEqual([]);
  expect(readdirSync(join(folder, "ctl"))).toEqual([]);
});
