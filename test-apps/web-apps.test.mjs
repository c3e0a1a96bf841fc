/** Web apps on real packages: what each answers behind Tsunicorn is what it answers on plain `node:http`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { io } from "socket.io-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { eventually, startServer } from "../server/test/integration/harness.ts";
import { NODES } from "./nodes.mjs";

/** The oldest that works, as a rule, and the one that most users run. */
const TESTED = NODES.filter(({ name }, at) => at === 0 || name === "24");

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

const BOTH = [{}, { "accept-encoding": "gzip" }];
const ONE = [{}];

/**
 * Each app with what it is asked: paths, and the headers with which each path is asked. `otherAdapter`: what makes
 * Node's requests of those of `fetch` is not the same package on both sides. So the names of headers are compared
 * in lower case, and not by which header the end of the body is told.
 */
const APPS = [
  {
    file: "compression.mjs",
    paths: ["/parts", "/text", "/no-transform", "/events", "/flushed", "/none"],
    headers: BOTH,
  },
  { file: "two-express.mjs", paths: ["/", "/metrics", "/mounted", "/none"], headers: ONE },
  { file: "headers-listener.mjs", paths: ["/flat", "/object", "/trailers"], headers: ONE },
  { file: "koa.mjs", paths: ["/", "/stream"], headers: ONE },
  { file: "hono.mjs", paths: ["/", "/who", "/events", "/none"], headers: ONE },
  { file: "hono-fetch.mjs", otherAdapter: true, paths: ["/", "/who", "/events", "/none"], headers: ONE },
  { file: "h3.mjs", paths: ["/", "/who", "/none"], headers: ONE },
  { file: "ws.mjs", paths: ["/", "/none"], headers: ONE },
  { file: "nest.cjs", paths: ["/", "/events", "/none"], headers: ONE },
  { file: "next.mjs", paths: ["/", "/api/parts", "/api/events", "/none"], headers: BOTH },
];

/** What differs from one answer to the next, or is the server's own. */
const OWN = new Set(["date", "x-request-id", "keep-alive"]);

/** @returns {Promise<{ status: number, headers: string[][], trailers: string[], body: string }>} */
function ask(url, headers) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { headers, agent: false }, (incoming) => {
      const chunks = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const bytes = Buffer.concat(chunks);
        const isPacked = incoming.headers["content-encoding"] === "gzip";
        const pairs = [];
        for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
          const [name, value] = incoming.rawHeaders.slice(at, at + 2);
          if (!OWN.has(name.toLowerCase())) pairs.push([name, value]);
        }
        resolve({
          status: incoming.statusCode,
          headers: pairs.toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)),
          trailers: incoming.rawTrailers,
          body: (isPacked ? gunzipSync(bytes) : bytes).toString(),
        });
      });
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

function withoutFraming({ headers, ...rest }) {
  const names = headers.map(([name, value]) => [name.toLowerCase(), value]);
  return {
    ...rest,
    headers: names.filter(([name]) => !["content-length", "transfer-encoding"].includes(name)).sort(),
  };
}

/** Starts an app on plain `node:http`. @returns its address, and what ends it. */
async function startPlain(node, { file }) {
  const child = spawn(node, ["plain.mjs", `apps/${file}`], {
    cwd: FOLDER,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  const ended = once(child, "exit");
  const [, url] = await eventually("the plain server listens", () => {
    if (child.exitCode !== null) throw new Error(`the plain server ended with ${child.exitCode}`);
    return /listening on (\S+)/.exec(said);
  });
  return {
    url,
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function startTsunicorn(node, { file }) {
  return startServer({ args: [`apps/${file}`], cwd: FOLDER, node });
}

describe.each(TESTED.filter(({ path }) => path === undefined))("Node $name", ({ name }) => {
  test("is there", ({ skip }) => skip(`there is no package with Node ${name} for this machine`));
});

describe.each(TESTED.filter(({ path }) => path !== undefined))("Node $name,", ({ path: node }) => {
  describe.each(APPS)("$file", (app) => {
    let plain;
    let server;
    beforeAll(async () => {
      [plain, server] = await Promise.all([startPlain(node, app), startTsunicorn(node, app)]);
    });
    afterAll(async () => {
      await Promise.all([plain?.stop(), server?.stop()]);
    });

    test.each(app.paths.flatMap((path) => app.headers.map((headers) => ({ path, headers }))))(
      "answers $path with the bytes and headers of plain Node, asked with $headers",
      async ({ path, headers }) => {
        const expected = await ask(`${plain.url}${path}`, headers);
        const got = await ask(`${server.url}${path}`, headers);
        // An error page may name the server's port.
        const { port } = new URL(plain.url);
        const same = JSON.parse(JSON.stringify(got).replaceAll(String(server.port), port));
        if (app.otherAdapter) expect(withoutFraming(same)).toEqual(withoutFraming(expected));
        else expect(same).toEqual(expected);
        expect(expected.status).toBeLessThan(500);
      },
    );
  });

  describe.each(["ws.mjs", "hono.mjs", "h3.mjs"])("WebSockets of %s", (file) => {
    let server;
    beforeAll(async () => {
      server = await startTsunicorn(node, { file });
    });
    afterAll(() => server?.stop());

    /** @returns what becomes of the connection: a promise in an object, so that it is not awaited here. */
    async function converse() {
      const socket = new WebSocket(`${server.url.replace("http", "ws")}/socket`);
      const closed = once(socket, "close");
      await once(socket, "open");
      const heard = once(socket, "message");
      socket.send("one");
      expect(String((await heard)[0])).toBe("heard one");
      return { closed };
    }

    test("are answered, and closed by the app's own handshake on a reload and on a stop", async () => {
      const first = await converse();
      server.signal("SIGHUP");
      expect((await first.closed)[0]).toBe(1001);
      await eventually("the next worker serves", () => server.log().includes("reloaded"));
      const second = await converse();
      server.signal("SIGTERM");
      expect((await second.closed)[0]).toBe(1001);
      expect((await server.exited()).code).toBe(0);
    });
  });

  test("socket.io speaks by polling and by WebSocket, and its close() ends what it has open", async () => {
    const server = await startTsunicorn(node, { file: "socket-io.mjs" });
    const options = { path: "/socket", reconnection: false, forceNew: true };
    const clients = ["polling", "websocket"].map((name) =>
      io(server.url, { ...options, transports: [name] }),
    );
    try {
      const [polling, webSocket] = clients;
      for (const client of clients) {
        expect(await client.timeout(20_000).emitWithAck("say", "one")).toBe("heard one");
      }
      // Its request waits for news as long as it is told to, and would be waited for.
      polling.close();
      const left = new Promise((resolve) => webSocket.once("disconnect", resolve));
      server.signal("SIGTERM");
      expect(await left).toBe("transport close");
      expect((await server.exited()).code).toBe(0);
      expect(server.log()).not.toContain("is killed");
    } finally {
      for (const client of clients) client.close();
      await server.stop();
    }
  });

  test("Nest's modules are destroyed before the worker ends", async () => {
    const server = await startTsunicorn(node, { file: "nest.cjs" });
    server.signal("SIGTERM");
    expect((await server.exited()).code).toBe(0);
    expect(server.log()).toContain("the module was destroyed");
    await server.stop();
  });
});
