/** A web app may be written with whatever its author likes: each kind serves, streams and notices who leaves. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { install } from "../install.ts";
import { ECHO_FILES, type EchoServer, echoServers, events } from "./echo-app.ts";
import { eventually } from "./harness.ts";
import { ask, open, RawConnection, type Stream } from "./http-tools.ts";

const start = echoServers();

const FASTIFY = JSON.stringify(import.meta.resolve("fastify"));
const EXPRESS = JSON.stringify(import.meta.resolve("express"));

/** The same app, written three ways: /stream streams a dirty app's tokens, POST /text answers with what it was sent. */
const APPS: Record<string, string> = {
  "a Fastify instance": `
    import { Readable } from "node:stream";
    import { dirty } from "tsunicorn";
    import fastify from ${FASTIFY};
    const echo = dirty("./app.mjs:Echo");
    const app = fastify();
    app.get("/stream", (request, reply) => {
      const left = new AbortController();
      reply.raw.on("close", () => left.abort());
      reply.header("content-type", "text/plain; charset=utf-8");
      const { n, label } = request.query;
      return reply.send(Readable.from(echo.with({ signal: left.signal }).ticks(Number(n), 10, label), { highWaterMark: 1 }));
    });
    app.post("/text", async (request) => ({ body: request.body, id: request.headers["x-request-id"] }));
    app.get("/fails", async () => { throw new Error("secret reason"); });
    app.addHook("onClose", async () => console.log("the app was closed"));
    export default app;`,
  "a listener as of Express": `
    import { dirty } from "tsunicorn";
    const echo = dirty("./app.mjs:Echo");
    const routes = new Map();
    async function app(request, response) {
      const url = new URL(request.url, "http://localhost");
      if (url.pathname === "/stream") {
        const left = new AbortController();
        response.on("close", () => left.abort());
        response.setHeader("content-type", "text/plain; charset=utf-8");
        const { n, label } = Object.fromEntries(url.searchParams);
        try {
          for await (const token of echo.with({ signal: left.signal }).ticks(Number(n), 10, label)) response.write(token);
          response.end();
        } catch (error) { response.destroy(); }
      } else if (url.pathname === "/text") {
        let body = "";
        for await (const chunk of request) body += chunk;
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ body: JSON.parse(body), id: request.headers["x-request-id"] }));
      } else {
        response.statusCode = url.pathname === "/fails" ? 500 : 404;
        response.end();
      }
    }
    app.handle = app;
    app.use = () => app;
    app.get = (path, handler) => routes.set(path, handler);
    export default app;`,
  "an object with fetch as of Hono": `
    import { dirty } from "tsunicorn";
    const echo = dirty("./app.mjs:Echo");
    export const app = {
      async fetch(request) {
        const url = new URL(request.url);
        if (url.pathname === "/stream") {
          const { n, label } = Object.fromEntries(url.searchParams);
          const tokens = echo.with({ signal: request.signal }).ticks(Number(n), 10, label)[Symbol.asyncIterator]();
          const encoder = new TextEncoder();
          const body = new ReadableStream({
            async pull(controller) {
              const { done, value } = await tokens.next();
              if (done) controller.close();
              else controller.enqueue(encoder.encode(value));
            },
            cancel() { return tokens.return(); },
          });
          return new Response(body, { headers: { "content-type": "text/plain; charset=utf-8" } });
        }
        if (url.pathname === "/text") {
          return Response.json({ body: await request.json(), id: request.headers.get("x-request-id") });
        }
        if (url.pathname === "/fails") throw new Error("secret reason");
        return new Response(null, { status: 404 });
      },
    };`,
};

/** Has streams of ticks come to their good end. */
function finish(server: EchoServer, label: string): void {
  writeFileSync(join(server.folder, `enough ${label}`), "");
}

/** A stream of ticks that nothing is missing from. */
function expectWhole({ text }: Stream): void {
  const ticks = text.split(" ").length - 1;
  expect(text).toBe(`${Array.from({ length: ticks }, (_, i) => i).join(" ")} `);
}

describe.each(Object.entries(APPS))("%s", (kind, main) => {
  let server: EchoServer;

  test("serves, streams token by token, and cancels the run of a client that leaves", async () => {
    server = await start([], { files: { ...ECHO_FILES, "main.mjs": main } });
    const { target } = server;

    const text = await ask(target, "/text", {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": "mine-1" },
      body: JSON.stringify("h\u00e9llo"),
    });
    expect(text.status).toBe(200);
    expect(JSON.parse(text.body)).toEqual({ body: "h\u00e9llo", id: "mine-1" });
    expect(text.headers["x-request-id"]).toBe("mine-1");

    const invalid = await ask(target, "/text", {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": "not good" },
      body: '"a"',
    });
    const given = invalid.headers["x-request-id"];
    expect(given).toMatch(/^[\w.-]{36}$/);
    expect(JSON.parse(invalid.body)).toEqual({ body: "a", id: given });

    const streamed = await open(target, "/stream?n=100000&label=whole");
    expect(streamed.headers["content-type"]).toBe("text/plain; charset=utf-8");
    // Token by token: the first are there before the last is made.
    await streamed.has("0 1 ");
    finish(server, "whole");
    await streamed.ended();
    expect(streamed.complete).toBe(true);
    expectWhole(streamed);

    const left = await open(target, "/stream?n=100000&label=left");
    await left.has("0 1 ");
    left.leave();
    await eventually("the run is cancelled", () =>
      events(server.folder).some(({ what, label }) => what === "cancelled" && label === "left"),
    );

    const failed = await ask(target, "/fails");
    expect(failed.status).toBe(500);
    expect((await ask(target, "/nowhere")).status).toBe(404);

    // What Java's own client offers with each request.
    const upgrade = await RawConnection.to(target);
    upgrade.send(
      "GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    await upgrade.has(/^HTTP\/1\.1 404 /);
    upgrade.leave();

    const head = await ask(target, "/stream?n=3&label=head", { method: "HEAD" });
    expect([200, 404]).toContain(head.status);
    expect(head.body).toBe("");

    // The same worker served it all.
    expect(server.log().match(/http worker \d+ is ready/g)).toHaveLength(1);

    const running = await open(target, "/stream?n=100000&label=draining");
    await running.has("0 1 ");
    server.signal("SIGTERM");
    await server.logged("stopping: requests in progress may finish");
    finish(server, "draining");
    await running.ended();
    expectWhole(running);
    expect((await server.exited()).code).toBe(0);
    // It is closed with its hooks.
    if (kind === "a Fastify instance") expect(server.log()).toContain("the app was closed");
  });
});

test("an app with fetch makes a new Request of the one that it got, as Hono's middleware does", async () => {
  const main = `
    export default {
      async fetch(request) {
        const again = new Request(request, { body: (await request.text()).toUpperCase() });
        return new Response([again.method, again.headers.get("x-mine"), await again.text()].join(" "));
      },
    };`;
  const server = await start([], { args: ["main.mjs"], files: { "main.mjs": main } });
  const asked = { method: "POST", headers: { "x-mine": "1" }, body: "hello" };
  expect((await ask(server.target, "/", asked)).body).toBe("POST 1 HELLO");
});

test("what Express writes in one turn leaves as one chunk too", async () => {
  const main = `
    import express from ${EXPRESS};
    const app = express();
    const part = express.Router();
    part.get("/words", (request, response) => {
      response.write("first ");
      setImmediate(() => {
        for (let i = 0; i < 100; i++) response.write("word ");
        response.end();
      });
    });
    app.use(express().use(part));
    export default app;`;
  const server = await start([], { args: ["main.mjs"], files: { "main.mjs": main } });
  const connection = await RawConnection.to(server.target);
  connection.send("GET /words HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await connection.has("\r\n0\r\n\r\n");
  expect(connection.text.split("\r\n\r\n")[1]).toBe(`6\r\nfirst \r\n1f4\r\n${"word ".repeat(100)}\r\n0`);
  connection.leave();
});

test("an async listener that fails answers 500, or cuts its answer off, and keeps the reason in the log", async () => {
  const main = `
    export default async function serve(request, response) {
      if (request.url === "/late") response.write("so far");
      if (request.url === "/left") {
        response.write("so far");
        await new Promise((resolve) => response.on("close", resolve));
        console.log("has left");
      }
      throw new Error("secret reason of " + request.url);
    }`;
  const server = await start([], { args: ["main.mjs"], files: { "main.mjs": main } });
  expect(await ask(server.target, "/early")).toMatchObject({ status: 500, body: "", complete: true });
  const late = await open(server.target, "/late");
  await late.ended();
  expect([late.text, late.complete]).toEqual(["so far", false]);
  await eventually("the log has the reasons", () =>
    ["/early", "/late"].every((url) => server.log().includes(`secret reason of ${url}`)),
  );

  const left = await open(server.target, "/left");
  await left.has("so far");
  left.leave();
  await eventually("the app noticed", () => server.log().includes("has left"));
  expect((await ask(server.target, "/again")).status).toBe(500);
  await eventually("the log has the last reason", () => server.log().includes("secret reason of /again"));
  // A client that left gets no answer, so nothing went wrong.
  expect(server.log()).not.toContain("secret reason of /left");
  expect(server.log()).not.toContain("rejected and not handled");
});

test.each([
  ["Fastify", FASTIFY, "return"],
  ["Express", EXPRESS, "response.json"],
])(
  "%s answers a call that is refused with its status, without an error handler",
  async (_, framework, answer) => {
    const main = `
    import { dirty } from "tsunicorn";
    import framework from ${framework};
    const echo = dirty("./app.mjs:Echo");
    const app = framework();
    app.get("/hold", async (request, response) => {
      for await (const tick of echo.ticks(100000, 20, "held"));
      ${answer}("held");
    });
    export default app;`;
    const server = await start(["--dirty-queue-size", "0"], { files: { ...ECHO_FILES, "main.mjs": main } });
    const held = Array.from({ length: 16 }, () => ask(server.target, "/hold"));
    await eventually(
      "every place is taken",
      () => events(server.folder).filter(({ what }) => what === "began").length === 16,
    );
    const { status, headers } = await ask(server.target, "/hold");
    expect(status).toBe(429);
    expect(Number(headers["retry-after"])).toBeGreaterThanOrEqual(1);
    finish(server, "held");
    expect((await Promise.all(held)).map((one) => one.status)).toEqual(Array(16).fill(200));
  },
);

describe("TypeScript", () => {
  const FILES = {
    "main.ts": `
      import type { IncomingMessage, ServerResponse } from "node:http";
      import { dirty } from "tsunicorn";
      import type { Shout } from "./shout-app.ts";
      import { WORD } from "./word.ts";
      const shout = dirty<Shout>("./shout-app.ts:Shout");
      export default async function app(_request: IncomingMessage, response: ServerResponse): Promise<void> {
        for await (const word of shout.twice(WORD satisfies string)) response.write(word);
        response.end();
      }`,
    "word.ts": `export const WORD: string = "hi ";`,
    "shout-app.ts": `
      import { DirtyApp } from "tsunicorn";
      import { WORD } from "./word.ts";
      export class Shout extends DirtyApp {
        static override concurrency = 2;
        private readonly mark: string = "!";
        async *twice(word: string): AsyncGenerator<string> {
          if (word !== WORD) throw new Error("another word");
          yield word.toUpperCase() + this.mark;
          yield word.toUpperCase() + this.mark;
        }
      }`,
  };

  test.each([
    ["in a package of modules", { ...FILES, "package.json": '{"type":"module"}' }, "shout-app.ts:Shout"],
    ["in a folder without a package.json, as a newcomer's", FILES, "./shout-app:Shout"],
  ])("a web app and a dirty app are run as they are, %s", async (_where, files, spec) => {
    const prepare = (folder: string) => install(folder, "tsx");
    const server = await start([], { args: ["main.ts", "--dirty-app", spec], files, prepare });
    expect((await ask(server.target, "/")).body).toBe("HI !HI !");
    await server.logged("is ready with shout-app:Shout");
  });
});
