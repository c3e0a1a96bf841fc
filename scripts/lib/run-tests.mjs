import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readIfThere } from "./files.mjs";
import { root } from "./root.mjs";
import { CommandFailed, run } from "./run.mjs";
import { summarise } from "./summary.mjs";

/** Runs vitest; what it printed is on the screen already. Returns its exit code. */
async function runVitest(args, env) {
  const command = ["node_modules/vitest/vitest.mjs", "run", "--reporter=default"];
  command.push(`--reporter=${join(root, "scripts/lib/vitest-reporter.mjs")}`, ...args);
  try {
    await run("vitest", process.execPath, command, { show: true, env });
    return 0;
  } catch (error) {
    if (error instanceof CommandFailed) return error.code;
    throw error;
  }
}

/**
 * Runs tests, prints a table of what became of them and last the line with the counts.
 * @param {string[]} args for vitest: words of the paths to run, options
 * @param {Record<string, string | undefined>} [env] added to the environment
 * @returns {Promise<number>} the exit code: not 0 where a test failed, or where none passed
 */
export async function runTests(args, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), "tsunicorn-test-"));
  try {
    const path = join(folder, "report.json");
    // What a platform says of its one server, no server of the tests must hear.
    const platform = { PORT: undefined, HOST: undefined, WEB_CONCURRENCY: undefined };
    const code = await runVitest(args, { ...env, ...platform, VITEST_TEST_REPORT: path });
    const text = readIfThere(path);
    if (text === undefined) throw new Error(`vitest ended with exit code ${code} and no report`);
    const { lines, passed, failed } = summarise(JSON.parse(text), {
      byName: args.some((word) => /^(-t|--testNamePattern)/.test(word)),
    });
    console.log(`\n${lines.join("\n")}`);
    // A run that tested nothing has shown nothing.
    return code !== 0 ? code : failed > 0 || passed === 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
