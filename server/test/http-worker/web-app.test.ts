import { describe, expect, test } from "vitest";
import { answerOf } from "./loaded-app.ts";

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
      "a fetch that throws is an error and no silence",
      "export default { fetch() { throw new Error('no'); } };",
      "500",
    ],
    ["a fetch that rejects too", "export default { async fetch() { throw new Error('no'); } };", "500"],
    [
      "an export named app beside a default export that is something else",
      "export default { port: 3000 }; export const app = (request, response) => response.end('app');",
      "200 app",
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
    expect(await answerOf(source, { name: "main.cjs" })).toBe("200 common");
  });
});

describe("what cannot", () => {
  test.each([
    ["no export", "export {};"],
    ["an object without methods", "export default { listen: true };"],
    ["null", "export default null;"],
    ["a text", "export default 'app';"],
  ])("%s is named, with what is expected", async (_what, source) => {
    expect(await answerOf(source)).toMatch(
      /^The app main\.mjs exports nothing that can serve: its default export/,
    );
  });

  test("a module that throws keeps its reason", async () => {
    expect(await answerOf("throw new Error('no database');")).toBe(
      "The app main.mjs cannot be loaded: no database",
    );
  });

  test("an import that is not there keeps its reason", async () => {
    expect(await answerOf("import 'missing-package'; export default () => {};")).toMatch(
      /^The app main\.mjs cannot be loaded: Cannot find package 'missing-package'/,
    );
  });
});

test("an app that looks like Fastify is made ready, is asked by its routing, and is closed", async () => {
  const answer = await answerOf(`
    import { EventEmitter } from "node:events";
    export default {
      server: new EventEmitter(),
      ready: async () => console.log("ready"),
      routing: (request, response) => response.end("routed"),
      close: async () => console.log("closed"),
    };`);
  expect(answer).toBe("ready\n200 routed\nclosed");
});
