/** Debian's nginx with the configuration of docs/deployment.md in front of the server. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { settings } from "../../src/config/settings.ts";
import { read } from "../docs/pages.ts";
import { freePort } from "./free-port.ts";
import { eventually, type RunningServer, removeFolder, startServer, temporaryFolder } from "./harness.ts";

const NGINX = process.env["NGINX"] ?? "nginx";
const NO_NGINX = spawnSync(NGINX, ["-v"]).status === 0 ? undefined : "there is no nginx";
const [, SHOWN = ""] = /```nginx\n(.*?)```/s.exec(read("docs/deployment.md")) ?? [];
const MIB = 1024 * 1024;

const APP = `
import { createServer } from "node:http";
const streams = [];
let closed = 0;
const server = createServer(async (request, response) => {
  if (request.url === "/stream") {
    response.writeHead(200, { "content-type": "text/event-stream", "x-accel-buffering": "no" });
    response.write("data: 0\\n\\n");
    streams.push(response);
    response.on("close", () => closed++);
  } else if (request.url === "/token") {
    for (const stream of streams) stream.write("data: more\\n\\n");
    response.end();
  } else if (request.url === "/closed") {
    response.end(String(closed));
  } else {
    let bytes = 0;
    for await (const part of request) bytes += part.length;
    response.end(JSON.stringify({ bytes, headers: request.headers, remote: request.socket.remoteAddress }));
  }
});
server.on("upgrade", (request, socket, head) => {
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\nwelcome");
  socket.on("data", (data) => (String(data) === "bye" ? socket.end() : socket.write("heard " + data)));
});
export default server;
`;

let folder: string;
let server: RunningServer;
let tcp: number;
const proxies: ChildProcess[] = [];

beforeAll(async () => {
  if (NO_NGINX !== undefined) return;
  folder = temporaryFolder({ "main.mjs": APP });
  tcp = await freePort();
  server = await startServer({
    args: [
      "main.mjs",
      "--bind",
      "unix:web.sock",
      "--bind",
      `127.0.0.1:${tcp}`,
      "--allowed-host",
      "chat.example.com",
    ],
    cwd: folder,
  });
});

afterAll(async () => {
  for (const proxy of proxies) {
    const ended = new Promise((resolve) => proxy.once("exit", resolve));
    proxy.kill("SIGTERM");
    await ended;
  }
  await server?.stop();
  if (folder !== undefined) removeFolder(folder);
});

/** Starts nginx as the docs show it, but for where it listens and where the server does. @returns its port. */
async function startNginx(name: string, upstream: string): Promise<number> {
  const port = await freePort();
  const prefix = join(folder, name);
  mkdirSync(prefix);
  const shown = SHOWN.replace("unix:/run/tsunicorn/web.sock", upstream).replace(
    "server {",
    `server {\n  listen 127.0.0.1:${port};`,
  );
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${prefix}/${kind};`,
  );
  // As one process of this user, which may use the unix socket.
  writeFileSync(
    join(prefix, "nginx.conf"),
    `daemon off; master_process off; pid ${prefix}/pid; error_log stderr;
    events {} http { access_log off; ${paths.join(" ")} ${shown} }`,
  );
  const proxy = spawn(NGINX, ["-p", prefix, "-e", "stderr", "-c", join(prefix, "nginx.conf")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  proxies.push(proxy);
  let said = "";
  proxy.stderr?.on("data", (data: Buffer) => {
    said += data.toString();
  });
  await eventually("nginx listens", () => {
    if (proxy.exitCode !== null) throw new Error(`nginx ended: ${said}`);
    return ask(port, "/").then(
      ({ status }) => status === 200,
      () => false,
    );
  });
  return port;
}

function request(
  port: number,
  path: string,
  headers: http.OutgoingHttpHeaders = {},
  method = "GET",
): http.ClientRequest {
  return http.request({
    port,
    host: "127.0.0.1",
    path,
    method,
    headers: { host: "chat.example.com", ...headers },
  });
}

async function ask(port: number, path: string, headers: http.OutgoingHttpHeaders = {}, body?: Buffer) {
  const sent = request(port, path, headers, body === undefined ? "GET" : "POST");
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    sent.once("response", resolve).once("error", reject).end(body);
  });
  let text = "";
  for await (const part of response) text += part;
  return { status: response.statusCode, text };
}

test("the docs' idle time is below the server's own", () => {
  const [, seconds] = /keepalive_timeout (\d+)s;/.exec(SHOWN) ?? [];
  expect(Number(seconds)).toBeLessThan(Number(settings.keepalive.default));
});

describe.each(["unix", "tcp"])("nginx in front of a %s bind", (kind) => {
  let port: number;

  beforeAll(async () => {
    if (NO_NGINX === undefined)
      port = await startNginx(kind, kind === "unix" ? `unix:${folder}/web.sock` : `127.0.0.1:${tcp}`);
  });

  test("passes tokens on one by one, and the client's end", async ({ skip }) => {
    if (NO_NGINX !== undefined) skip(NO_NGINX);
    const before = Number((await ask(port, "/closed")).text);
    const sent = request(port, "/stream");
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      sent.once("response", resolve).once("error", reject).end();
    });
    let text = "";
    response.on("data", (data: Buffer) => {
      text += data.toString();
    });
    response.on("error", () => {});
    await eventually("the first token is there", () => text === "data: 0\n\n");
    // The next is not written before the last was read.
    for (const tokens of [1, 2, 3]) {
      await ask(port, "/token");
      await eventually("the token is there", () => text.split("more").length - 1 === tokens);
    }
    response.destroy();
    await eventually(
      "the worker knows",
      async () => Number((await ask(port, "/closed")).text) === before + 1,
    );
  });

  test("passes on the name that was asked for, and who asked", async ({ skip }) => {
    if (NO_NGINX !== undefined) skip(NO_NGINX);
    const { text } = await ask(port, "/", { "x-forwarded-for": "192.0.2.1" });
    const { headers, remote } = JSON.parse(text);
    expect(headers).toMatchObject({
      host: "chat.example.com",
      "x-forwarded-for": "192.0.2.1, 127.0.0.1",
      "x-forwarded-proto": "http",
      "x-request-id": expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(remote).toBe(kind === "unix" ? undefined : "127.0.0.1");
    const { status } = await ask(port, "/", { host: "evil.example.com" });
    expect(status).toBe(kind === "unix" ? 200 : 421);
  });

  test("takes bodies as large as the server does", async ({ skip }) => {
    if (NO_NGINX !== undefined) skip(NO_NGINX);
    const { text } = await ask(port, "/", {}, Buffer.alloc(15 * MIB));
    expect(JSON.parse(text)).toMatchObject({ bytes: 15 * MIB });
  });

  test("lets a WebSocket through, and its end", async ({ skip }) => {
    if (NO_NGINX !== undefined) skip(NO_NGINX);
    const sent = request(port, "/", { connection: "Upgrade", upgrade: "websocket" });
    let text = "";
    let ended = false;
    sent.once("upgrade", (_response, socket, head) => {
      text += head.toString();
      socket.on("data", (data: Buffer) => {
        text += data.toString();
      });
      socket.once("close", () => {
        ended = true;
      });
      socket.write("one");
    });
    sent.end();
    await eventually("it is heard", () => text === "welcomeheard one");
    sent.socket?.write("bye");
    await eventually("it ends", () => ended);
  });
});
