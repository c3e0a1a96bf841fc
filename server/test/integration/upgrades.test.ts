/** Connections that an app takes over, as WebSockets are: whatever the app exports, and when the server reloads or stops. */
import { describe, expect, test } from "vitest";
import { echoServers } from "./echo-app.ts";
import { eventually } from "./harness.ts";
import { ask, open, RawConnection } from "./http-tools.ts";

const start = echoServers();

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

describe.each(Object.entries(APPS))("%s", (_kind, main) => {
  test("serves upgrades beside requests, and ends them by their own handshake on a reload and a stop", async () => {
    const files = { "main.mjs": main, "protocol.mjs": PROTOCOL };
    const server = await start([], { args: ["main.mjs"], files });
    const { target } = server;
    expect(await ask(target, "/")).toMatchObject({ status: 200, body: "plain" });
    const first = await RawConnection.to(target);
    first.send(`GET / HTTP/1.1\r\nHost: localhost\r\n${UPGRADE}`);
    await first.has("welcome");
    await first.send("one");
    await first.has("heard one");

    server.signal("SIGHUP");
    await first.has("bye");
    expect(first.over).toBe(false);
    await first.send("bye");
    await first.closed();
    first.leave();
    expect(first.error).toBeUndefined();
    await server.logged("has stopped");

    expect((await ask(target, "/")).body).toBe("plain");
    const second = await RawConnection.to(target);
    second.send(`GET / HTTP/1.1\r\nHost: localhost\r\n${UPGRADE}`);
    await second.has("welcome");
    server.signal("SIGTERM");
    await second.has("bye");
    await second.send("bye");
    await second.closed();
    second.leave();
    expect(second.error).toBeUndefined();
    expect((await server.exited()).code).toBe(0);
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

test("requests that offer an upgrade which nobody takes are served as any other", async () => {
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
