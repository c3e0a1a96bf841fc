/** Connections that an app takes over, as WebSockets are: whatever the app exports, and when the server reloads or stops. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EchoServer, echoServers } from "./echo-app.ts";
import { eventually } from "./harness.ts";
import { ask, open, RawConnection } from "./http-tools.ts";

const start = echoServers();
const startForAll = echoServers(afterAll);

const FASTIFY = JSON.stringify(import.meta.resolve("fastify"));

/** A protocol with a handshake at its end: both sides say "bye", as both sides of a WebSocket say that it closes. */
const PROTOCOL = `
  import { createServer } from "node:http";
  const open = new Set();
  export function take(request, socket, head) {
    socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\nwelcome ");
    open.add(socket);
    socket.on("data", (data) => {
      const text = String(data);
      if (text === "bye") socket.end();
      else socket.write("heard " + text);
    });
    socket.on("close", () => open.delete(socket));
  }
  export async function closeAll() {
    for (const socket of open) socket.write("bye");
  }
`;
const HEAD = 'import { closeAll, take } from "./protocol.mjs"; import { createServer } from "node:http";';

const UPGRADE = "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n";

/** The same app, exported in different ways. */
const APPS: Record<string, string> = {
  "an http.Server as default export": `${HEAD}
    const server = createServer((request, response) => response.end("plain"));
    server.on("upgrade", take);
    export default server;
    export const close = closeAll;`,
  "a listener, with the export server": `${HEAD}
    const app = (request, response) => response.end("plain");
    export const server = createServer(app).on("upgrade", take);
    export default app;
    export const close = closeAll;`,
  "a listener, with the export upgrade": `${HEAD}
    export default (request, response) => response.end("plain");
    export { take as upgrade, closeAll as close };`,
  "an object with fetch and its own methods": `${HEAD}
    export default { fetch: () => new Response("plain"), upgrade: take, close: closeAll };`,
  "a Koa app, with the export upgrade": `${HEAD}
    export default { use() {}, callback: () => (request, response) => response.end("plain") };
    export { take as upgrade, closeAll as close };`,
  "a server whose listeners come with the first request": `${HEAD}
    let isReady = false;
    export default (request, response) => {
      if (!isReady) request.socket.server.on("upgrade", take);
      isReady = true;
      response.end("plain");
    };
    export const close = closeAll;`,
  "a Fastify instance": `${HEAD}
    import fastify from ${FASTIFY};
    const app = fastify();
    app.get("/", async () => "plain");
    app.server.on("upgrade", take);
    app.addHook("preClose", closeAll);
    export default app;`,
};

describe("an app serves upgrades beside requests, and ends them by their own handshake", () => {
  const kinds = Object.entries(APPS);
  let server: EchoServer;

  beforeAll(async () => {
    const files = { "main.mjs": kinds[0]?.[1] ?? "", "protocol.mjs": PROTOCOL };
    server = await startForAll([], { args: ["main.mjs"], files });
  });

  // Each test reloads with the app of the next; the last one ends the server.
  test.each(kinds.map(([kind], at) => ({ kind, next: kinds[at + 1]?.[1] })))("$kind", async ({ next }) => {
    const { target } = server;
    expect(await ask(target, "/")).toMatchObject({ status: 200, body: "plain" });
    const connection = await RawConnection.to(target);
    connection.send(`GET / HTTP/1.1\r\nHost: localhost\r\n${UPGRADE}`);
    await connection.has("welcome");
    await connection.send("one");
    await connection.has("heard one");

    const said = server.fromNow();
    if (next === undefined) server.signal("SIGTERM");
    else {
      writeFileSync(join(server.folder, "main.mjs"), next);
      server.signal("SIGHUP");
    }
    await connection.has("bye");
    expect(connection.over).toBe(false);
    await connection.send("bye");
    await connection.closed();
    connection.leave();
    expect(connection.error).toBeUndefined();
    await said.logged("has stopped");
    if (next === undefined) expect((await server.exited()).code).toBe(0);
  });
});

test("an upgraded connection lives for the graceful timeout, where the app has no close()", async () => {
  const main = `${HEAD} export default (request, response) => response.end(); export { take as upgrade };`;
  const args = ["main.mjs", "--graceful-timeout", "1.5"];
  const server = await start([], { args, files: { "main.mjs": main, "protocol.mjs": PROTOCOL } });
  const connection = await RawConnection.to(server.target);
  connection.send(`GET / HTTP/1.1\r\nHost: localhost\r\n${UPGRADE}`);
  await connection.has("welcome");
  const began = performance.now();
  server.signal("SIGTERM");
  await server.logged("the app has 1 upgraded connections open, and no close()");
  // What has no request in progress is closed after half a second; this must not be taken for such a connection.
  await eventually("that time is over", () => performance.now() - began > 800);
  await connection.send("still there");
  await connection.has("heard still there");
  await connection.closed();
  expect((await server.exited()).code).toBe(0);
  expect(server.log()).not.toContain("is killed");
});

test("requests that offer an upgrade which the app does not take are served as any other", async () => {
  const main = `
    import { createServer } from "node:http";
    const server = createServer((request, response) => response.end("plain"));
    // As of a plugin that was taken away again.
    const taken = () => {};
    server.on("upgrade", taken);
    server.off("upgrade", taken);
    export default server;`;
  const server = await start([], { args: ["main.mjs"], files: { "main.mjs": main } });
  for (const protocol of ["websocket", "h2c"]) {
    const connection = await RawConnection.to(server.target);
    connection.send(
      `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
    );
    await connection.has(/^HTTP\/1\.1 200 [\s\S]*plain/);
    connection.leave();
  }
});

test("an upgrade that fails, or whose client is gone, costs the worker nothing", async () => {
  const main = `
    export default (request, response) => response.end("plain");
    export async function upgrade(request, socket) {
      // It listens to nothing that happens to the socket.
      if (request.url === "/fails") throw new Error("secret reason");
      socket.write("HTTP/1.1 101 Switching Protocols\\r\\n\\r\\nwelcome");
      setInterval(() => socket.write("more"), 10);
    }`;
  const server = await start([], { args: ["main.mjs", "--access-log"], files: { "main.mjs": main } });
  const failing = await RawConnection.to(server.target);
  failing.send(`GET /fails HTTP/1.1\r\nHost: localhost\r\n${UPGRADE}`);
  await failing.closed();
  await server.logged("the app's upgrade failed");
  const leaving = await RawConnection.to(server.target);
  leaving.send(`GET /leaves HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine\r\n${UPGRADE}`);
  await leaving.has("welcome");
  leaving.reset();
  await server.logged(/"requestId":"mine".*GET \/leaves upgraded to echo for \d+ ms/);
  expect((await ask(server.target, "/")).body).toBe("plain");
  expect(server.log().match(/http worker \d+ is ready/g)).toHaveLength(1);
});

describe("close() of a web app", () => {
  const HANGS = `
    let isDone = false;
    export default async (request, response) => {
      if (request.url === "/long") { response.write("so far "); await new Promise((resolve) => setTimeout(resolve, 300)); }
      isDone = true;
      response.end("end");
    };`;

  test("is awaited once the requests in progress are over", async () => {
    const main = `${HANGS}
      export async function close() {
        console.log("closing, requests are over: " + isDone);
        await new Promise((resolve) => setTimeout(resolve, 100));
        console.log("closed");
      }`;
    const server = await start([], { args: ["main.mjs"], files: { "main.mjs": main } });
    const long = await open(server.target, "/long");
    await long.has("so far");
    server.signal("SIGTERM");
    await long.ended();
    expect(long).toMatchObject({ text: "so far end", complete: true });
    expect((await server.exited()).code).toBe(0);
    expect(server.log()).toContain("closing, requests are over: true");
    expect(server.log()).toContain("closed");
  });

  test("is said to hang, and not waited for any longer", async () => {
    const main = `${HANGS} export const close = () => new Promise((resolve) => setTimeout(resolve, 60_000));`;
    const args = ["main.mjs", "--graceful-timeout", "0.5"];
    const server = await start([], { args, files: { "main.mjs": main } });
    server.signal("SIGTERM");
    expect((await server.exited()).code).toBe(0);
    expect(server.log()).toMatch(
      /"level":"error".*close\(\) of the web app has not ended after \d\.\d s; give what it waits for a time limit, or raise gracefulTimeout/,
    );
    expect(server.log()).not.toContain("is killed");
  });

  test("is said to be what a worker was killed in, where it blocks", async () => {
    const main = `${HANGS} export const close = () => { for (;;); };`;
    const args = ["main.mjs", "--graceful-timeout", "0.2"];
    const server = await start([], { args, files: { "main.mjs": main } });
    server.signal("SIGTERM");
    expect((await server.exited()).code).toBe(0);
    expect(server.log()).toMatch(/http worker \d+ is killed: close\(\) of the web app has not ended after/);
  });

  test("is said to have failed", async () => {
    const main = `${HANGS} export function close() { throw new Error("the pool is gone"); }`;
    const server = await start([], { args: ["main.mjs"], files: { "main.mjs": main } });
    server.signal("SIGTERM");
    expect((await server.exited()).code).toBe(0);
    expect(server.log()).toMatch(/"level":"error".*the pool is gone.*close\(\) of the web app failed/);
  });

  test("gets some time where the requests took all there was", async () => {
    const main = `
      export default (request, response) => { response.write("begun"); };
      export async function close() {
        await new Promise((resolve) => setTimeout(resolve, 20));
        console.log("closed all the same");
      }`;
    const args = ["main.mjs", "--graceful-timeout", "0.2"];
    const server = await start([], { args, files: { "main.mjs": main } });
    const stuck = await RawConnection.to(server.target);
    stuck.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await stuck.has("begun");
    server.signal("SIGTERM");
    expect((await server.exited()).code).toBe(0);
    expect(server.log()).toContain("closed all the same");
  });
});
