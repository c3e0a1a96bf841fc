/** Loads web apps in processes of their own, as HTTP workers do: a test runner imports in ways of its own. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const dist = (file: string) => JSON.stringify(new URL(`../../dist/${file}`, import.meta.url).href);
const WORKER = `
  import { createServer } from "node:http";
  import { loadWebApp } from ${dist("http-worker/web-app.js")};
  import { explain } from ${dist("process/explain.js")};
  try {
    const app = await loadWebApp(process.argv[2], JSON.parse(process.argv[3]));
    const server = createServer((request, response) => app.handle(request, response));
    app.attach(server);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const response = await fetch(\`http://127.0.0.1:\${server.address().port}/path\`);
    console.log(response.status, await response.text());
    await app.close?.();
  } catch (error) {
    console.log(explain(error));
  }
  process.exit();`;

/**
 * Loads an app, asks it for `/path` and closes it.
 * @param source of its module, in JavaScript.
 * @param options `name` of the module's file, default `main.mjs`; the others are those of `loadWebApp`.
 * @returns its answer, or why it could not be loaded; and what it printed.
 */
export async function answerOf(
  source: string,
  { name = "main.mjs", ...options }: { name?: string; workers?: number; limitMs?: number } = {},
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "ts-"));
  try {
    writeFileSync(join(folder, "worker.mjs"), WORKER);
    writeFileSync(join(folder, name), source);
    const args = ["worker.mjs", name, JSON.stringify(options)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 50_000 });
    // Without the lines of the log.
    return stdout
      .split("\n")
      .filter((line) => !line.startsWith("{"))
      .join("\n")
      .trim();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
