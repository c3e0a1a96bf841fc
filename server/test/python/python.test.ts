/** The tests that are written in Python, of what can be tested there without a server. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { NO_PYTHON, PACKAGE, PYTHON } from "./python.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const FILES = readdirSync(FOLDER).filter((file) => /^test_\w+\.py$/.test(file));

test.for(FILES)("%s passes", (file, { skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
  const { status, stderr } = spawnSync(PYTHON, ["-B", "-W", "error", file], {
    cwd: FOLDER,
    env: { ...process.env, PYTHONPATH: PACKAGE },
    encoding: "utf8",
  });
  expect(stderr).toMatch(/^Ran [1-9]\d* tests? in .*\n\nOK$/m);
  expect(status).toBe(0);
});
