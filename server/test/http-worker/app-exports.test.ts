import { describe, expect, test } from "vitest";
import { answerOf } from "./loaded-app.ts";

const HTTP = 'import { createServer } from "node:http";';
const ANSWERS = '(request, response) => response.end("answered")';

describe("what can serve", () => {
  test.each([
    ["an http.Server", `${HTTP} export default createServer(${ANSWERS});`, "200 answered"],
    [
      "an http.Server named server",
      `${HTTP} export const server = createServer(${ANSWERS});`,
      "200 answered",
    ],
    [
      "an http.Server before the app that it was made of",
      `${HTTP} export default () => {}; export const server = createServer(${ANSWERS});`,
      "200 answered",
    ],
    [
      "an app beside a server that only takes upgrades",
      `${HTTP} export default ${ANSWERS}; export const server = createServer(); server.on("upgrade", () => {});`,
      "200 answered",
    ],
    [
      "a server that only takes upgrades",
      `${HTTP} export default createServer().on("upgrade", () => {});`,
      "426",
    ],
    [
      "a server that gets its listener later",
      `${HTTP} const server = createServer(); setImmediate(() => server.on("request", ${ANSWERS})); export default server;`,
      "200 answered",
    ],
    [
      "a server whose async listener fails",
      `${HTTP} export default createServer(async () => { throw new Error("no"); });`,
      "500",
    ],
    ["a Koa app", `export default { use() {}, listen() {}, callback: () => ${ANSWERS} };`, "200 answered"],
    [
      "a Nest application",
      `${HTTP}
      const server = createServer();
      export default {
        init: async () => { server.on("request", ${ANSWERS}); },
        getHttpServer: () => server,
        close: async () => console.log("closed"),
      };`,
      "200 answered\nclosed",
    ],
    [
      "a promise of a server",
      `${HTTP} export default Promise.resolve(createServer(${ANSWERS}));`,
      "200 answered",
    ],
    [
      "a default export in a default export",
      `export default { default: { default: ${ANSWERS} } };`,
      "200 answered",
    ],
    ["an app in a default export", `export default { app: ${ANSWERS} };`, "200 answered"],
    [
      "a class with a static fetch",
      'export default class { static fetch() { return new Response("fetched"); } }',
      "200 fetched",
    ],
    [
      "a fetch that is given Node's own request and response, as Hono's helpers want",
      "export default { fetch: (_, { incoming, outgoing }) => new Response(incoming.socket.remoteAddress + outgoing.statusCode) };",
      "200 127.0.0.1200",
    ],
    [
      "a fetch whose handler writes to Node's own response, and says so as Hono's do",
      `export default {
        fetch(_, { outgoing }) {
          outgoing.writeHead(201).write("part ");
          setTimeout(() => outgoing.end("end"), 20);
          return new Response(null, { headers: { "x-hono-already-sent": "true" } });
        },
      };`,
      "201 part end",
    ],
  ])("%s", async (_what, source, expected) => {
    expect(await answerOf(source)).toBe(expected);
  });
});

describe("what cannot", () => {
  test.each([
    ["a class", "export default class Site { handle() {} }", "; the class Site cannot"],
    [
      "a server that speaks TLS",
      'import { createServer } from "node:https"; export default createServer();',
      ", but a server that speaks TLS, HTTP/2 or no HTTP at all:",
    ],
  ])("%s is named", async (_what, source, expected) => {
    const answer = await answerOf(source);
    expect(answer).toMatch(/^The app main\.mjs exports nothing that can serve/);
    expect(answer).toContain(expected);
  });

  test.each([
    ["a promise that never settles", "export default new Promise(() => {}); setInterval(() => {}, 1000);"],
    ["a module that never ends to load", "await new Promise(() => setInterval(() => {}, 1000));"],
  ])("%s is not waited for without end", async (_what, source) => {
    expect(await answerOf(source, { limitMs: 200 })).toMatch(
      /^The app main\.mjs has not loaded within 0\.2 s: its module, or a promise that it exports, has not settled/,
    );
  });

  test("a promise that is rejected is told with its reason", async () => {
    expect(await answerOf('export default Promise.reject(new Error("no database"));')).toBe(
      "The app main.mjs cannot be loaded: no database",
    );
  });
});

describe("close()", () => {
  const CLOSES = 'async () => { await null; console.log("closed"); }';

  test.each([
    ["is exported beside the app", `export default ${ANSWERS}; export const close = ${CLOSES};`],
    [
      "is a method of an object with fetch, which it is called on",
      'export default { word: "closed", fetch: () => new Response("answered"), close() { console.log(this.word); } };',
    ],
    [
      "is exported beside a server",
      `${HTTP} export default createServer(${ANSWERS}); export const close = ${CLOSES};`,
    ],
    [
      "is not needed by what listens to the end of its server",
      `${HTTP} export default createServer(${ANSWERS}).on("close", () => console.log("closed"));`,
    ],
  ])("%s", async (_how, source) => {
    expect(await answerOf(source)).toBe("200 answered\nclosed");
  });

  test("is a property of a CommonJS listener", async () => {
    const source = `module.exports = ${ANSWERS}; module.exports.close = ${CLOSES};`;
    expect(await answerOf(source, { name: "main.cjs" })).toBe("200 answered\nclosed");
  });

  test("is called behind that of a Fastify instance", async () => {
    const answer = await answerOf(`
      import { EventEmitter } from "node:events";
      export default {
        server: new EventEmitter(),
        ready: async () => {},
        routing: ${ANSWERS},
        close: async () => console.log("app closed"),
      };
      export const close = ${CLOSES};`);
    expect(answer).toBe("200 answered\napp closed\nclosed");
  });
});

describe("an app that listens itself is found out", () => {
  const EXPORTED =
    "The app main.mjs calls listen() itself, on port 0 (main.mjs:1). Remove that call and export the app";

  test.each([
    ["an exported server", `${HTTP} export default createServer(${ANSWERS}).listen(0);`],
    [
      "a server of the exported listener, as Express makes one",
      `${HTTP} const app = ${ANSWERS}; createServer(app).listen(0); export default app;`,
    ],
    [
      "a Fastify instance's server",
      `${HTTP} const server = createServer().listen(0); export default { server, ready: async () => {}, routing: ${ANSWERS}, close() {} };`,
    ],
  ])("%s", async (_what, source) => {
    expect(await answerOf(source)).toContain(EXPORTED);
  });

  const OTHER = (port: number, more = "") => `
    ${HTTP}
    createServer((request, response) => response.end("metrics"))${more}.listen(${port});
    export default ${ANSWERS};`;

  test("another server with a port of its own may listen where there is one worker", async () => {
    expect(await answerOf(OTHER(0))).toBe("200 answered");
    expect(await answerOf(OTHER(0), { workers: 2 })).toBe("200 answered");
    expect(await answerOf(OTHER(39_471))).toBe("200 answered");
  });

  test("not where there are several, of which only one could", async () => {
    expect(await answerOf(OTHER(39_472), { workers: 2 })).toBe(
      "The app main.mjs listens on port 39472 (main.mjs:3), which only one of its 2 HTTP workers can. Serve that in a process of its own, or on port 0, or set workers to 1.",
    );
  });

  test("it may where it takes the failure itself", async () => {
    expect(await answerOf(OTHER(39_473, '.on("error", () => {})'), { workers: 2 })).toBe("200 answered");
  });

  test("also one that never finishes loading", async () => {
    const source = `${HTTP} createServer(${ANSWERS}).listen(0); await new Promise(() => {}); export default ${ANSWERS};`;
    expect(await answerOf(source, { limitMs: 500 })).toBe(
      "The app main.mjs has not loaded within 0.5 s: its module, or a promise that it exports, has not settled; it listens on port 0 itself, which it must not. Export the app itself, and let nothing that it awaits take for ever.",
    );
  });
});
