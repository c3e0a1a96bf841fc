import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadWebApp } from "../../src/http-worker/web-app.ts";
import { explain } from "../../src/process/explain.ts";

let folder: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
});

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function load(source: string, name = "main.mjs") {
  writeFileSync(join(folder, name), source);
  return loadWebApp(join(folder, name));
}

/** Loads an app and asks it for `/path`. */
async function answerOf(source: string, name?: string): Promise<string> {
  const app = await load(source, name);
  server = createServer((request: IncomingMessage, response: ServerResponse) =>
    app.handle(request, response),
  );
  app.attach(server);
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const response = await fetch(`http://127.0.0.1:${port}/path`);
  return `${response.status} ${await response.text()}`;
}

describe("what can serve", () => {
  test.each([
    [
      "a listener",
      "export default (request, response) => response.end('at ' + request.url);",
      "200 at /path",
    ],
    ["an export named app", "export const app = (request, response) => response.end('app');", "200 app"],
    [
      "a promise of an app",
      "export default Promise.resolve((request, response) => response.end('later'));",
      "200 later",
    ],
    [
      "an object with fetch",
      "export default { fetch: (request) => new Response(new URL(request.url).pathname, { status: 201 }) };",
      "201 /path",
    ],
    [
      "an object whose fetch needs its object",
      "class App { text = 'mine'; async fetch() { return new Response(this.text); } } export default new App();",
      "200 mine",
    ],
    [
      "a listener that also has a fetch, which Hono's kind of function would be",
      "export default Object.assign(() => {}, { fetch: () => new Response('fetched') });",
      "200 fetched",
    ],
    [
      "a fetch that fails is an error and no silence",
      "export default { fetch() { throw new Error('no'); } };",
      "500 ",
    ],
  ])("%s", async (_what, source, expected) => {
    expect(await answerOf(source)).toBe(expected);
  });

  test.each([
    ["module.exports", "module.exports = (request, response) => response.end('common');"],
    ["exports.app", "exports.app = (request, response) => response.end('common');"],
    [
      "what a compiler makes of a default export",
      "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = (request, response) => response.end('common');",
    ],
  ])("CommonJS: %s", async (_what, source) => {
    expect(await answerOf(source, "main.cjs")).toBe("200 common");
  });
});

describe("what cannot", () => {
  test.each([
    ["no export", "export {};"],
    ["an object without methods", "export default { listen: true };"],
    ["null", "export default null;"],
    ["a text", "export default 'app';"],
  ])("%s is named, with what is expected", async (_what, source) => {
    await expect(load(source)).rejects.toThrow(
      /main\.mjs exports nothing that can serve: its default export/,
    );
  });

  test("a module that throws keeps its reason", async () => {
    const error = await load("throw new Error('no database');").catch((reason: unknown) => reason);
    expect(explain(error)).toMatch(/^The app .*main\.mjs cannot be loaded: no database$/);
  });

  test("an import that is not there keeps its reason", async () => {
    const error = await load("import 'missing-package'; export default () => {};").catch(
      (reason: unknown) => reason,
    );
    expect(explain(error)).toMatch(/cannot be loaded: Cannot find package 'missing-package'/);
  });
});

test("an app that looks like Fastify is made ready, is asked by its routing, and is closed", async () => {
  const app = await load(`
    import { EventEmitter } from "node:events";
    export const calls = [];
    const server = new EventEmitter();
    export default {
      server,
      calls,
      ready: async () => { calls.push("ready"); },
      routing: (request, response) => response.end("routed"),
      close: async () => { calls.push("close"); },
    };`);
  const module: { calls: string[] } = await import(join(folder, "main.mjs"));
  expect(module.calls).toEqual(["ready"]);
  await app.close();
  expect(module.calls).toEqual(["ready", "close"]);
});
