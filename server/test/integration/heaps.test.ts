/** Processes that carry streams keep their heaps small, unless the operator says otherwise. */
import { afterEach, expect, test } from "vitest";
import { type RunningServer, removeFolder, startServer, temporaryFolder } from "./harness.ts";

const MAIN = "export default (request, response) => response.end(JSON.stringify(process.execArgv));";
let server: RunningServer | undefined;
let folder = "";

afterEach(async () => {
  await server?.stop();
  removeFolder(folder);
});

async function flagsWith(nodeOptions: string): Promise<unknown> {
  folder = temporaryFolder({ "main.mjs": MAIN });
  server = await startServer({ args: ["main.mjs"], cwd: folder, env: { NODE_OPTIONS: nodeOptions } });
  return (await fetch(server.url)).json();
}

test("an HTTP worker starts with a small young generation and an old one that grows slowly", async () => {
  expect(await flagsWith("")).toEqual([
    "--min-semi-space-size=4",
    "--max-semi-space-size=4",
    "--heap-growing-percent=30",
  ]);
});

test("what is set in NODE_OPTIONS stands", async () => {
  const flags = await flagsWith("--max-semi-space-size=32");
  expect(flags).not.toContain("--max-semi-space-size=4");
  expect(flags).toContain("--heap-growing-percent=30");
});
