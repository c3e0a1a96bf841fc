/** What HTTP clients see, good ones and bad ones. One server serves them all: what one does to it, the next would notice. */
import { execFileSync } from "node:child_process";
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { type EchoServer, echoServers, events, stream } from "./echo-app.ts";
import { eventually } from "./harness.ts";
import { ask, open, RawConnection, type Target } from "./http-tools.ts";

const HEADERS_TIMEOUT_MS = 1000;
const REQUEST_TIMEOUT_MS = 2000;
const KEEPALIVE_MS = 1000;
/** The server looks each second for connections that are over their time. */
const CHECK_MS = 1000;
/** How late a busy machine may be. */
const LATE_MS = 4000;

const start = echoServers(afterAll);
let server: EchoServer;
let target: Target;
let web: Target;

beforeAll(async () => {
  server = await start(
    [
      ...["--bind", "127.0.0.1:0", "--bind", "unix:web.sock", "--access-log"],
      ...["--headers-timeout", String(HEADERS_TIMEOUT_MS / 1000)],
      ...["--request-timeout", String(REQUEST_TIMEOUT_MS / 1000)],
      ...["--keepalive", String(KEEPALIVE_MS / 1000)],
    ],
    { prepare: (folder) => leaveStaleSocket(join(folder, "web.sock")) },
  );
  const port = /listening on http:\/\/127\.0\.0\.1:(\d+), unix:/.exec(server.log())?.[1];
  target = { port: Number(port) };
  web = { socketPath: join(server.folder, "web.sock") };
});

/** What a server leaves behind that was killed. */
function leaveStaleSocket(path: string): void {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  try {
    execFileSync(process.execPath, ["-e", script], { stdio: "ignore" });
  } catch {
    // Killed, as it should be.
  }
  if (!statSync(path).isSocket()) throw new Error("no stale socket was left");
}

/** Whether the HTTP worker holds its side of this very connection: others, still on their way out, say nothing of it. */
function holds(connection: RawConnection): boolean {
  const inode = connection.farInode();
  const [pid] = server.pids("http worker");
  if (inode === undefined) return false;
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`;
    } catch {
      return false;
    }
  });
}

// Whatever a test did: the same worker serves the next request, and lets go of every connection.
afterEach(async () => {
  expect((await ask(target, "/pid")).body).toBe(String(server.pids("http worker")[0]));
  expect(server.log().match(/http worker \d+ is ready/g)).toHaveLength(1);
});

describe("binds", () => {
  test("every address is served at once: a port that the kernel chose, and a unix socket in place of a stale one", async () => {
    expect((await ask(target, "/pid")).status).toBe(200);
    expect((await ask(web, "/pid")).body).toBe((await ask(target, "/pid")).body);
  });

  test("connections wait for a busy worker, as many as the backlog says, and are served after", async () => {
    const [pid = 0] = server.pids("http worker");
    process.kill(pid, "SIGSTOP");
    try {
      const waiting = await Promise.all(Array.from({ length: 600 }, () => RawConnection.to(web)));
      for (const one of waiting)
        one.send("GET /pid HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
      process.kill(pid, "SIGCONT");
      for (const one of waiting) await one.closed();
      expect(waiting.filter((one) => one.text.endsWith(`\r\n\r\n${pid}`))).toHaveLength(600);
      for (const one of waiting) one.leave();
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });
});

describe("bad input", () => {
  const BODY_TOO_SLOW = "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n";

  test.each([
    ["garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no HTTP at all\r\n\r\n", 400, "Bad Request"],
    ["a broken request line", "GET /pid HTTP/9.9.9\r\nHost: localhost\r\n\r\n", 400, "Bad Request"],
    ["no Host", "GET /pid HTTP/1.1\r\n\r\n", 400, ""],
    [
      "a header without a colon",
      "GET /pid HTTP/1.1\r\nHost: localhost\r\nbroken\r\n\r\n",
      400,
      "Bad Request",
    ],
    [
      "two lengths (request smuggling)",
      "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
      "Bad Request",
    ],
    [
      "10,000 bytes of headers",
      `GET /pid HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"a".repeat(10_000)}\r\n\r\n`,
      431,
      "Request Header Fields Too Large",
    ],
    [
      "a megabyte of headers",
      `GET /pid HTTP/1.1\r\nHost: localhost\r\n${`X-Long: ${"a".repeat(990)}\r\n`.repeat(1000)}\r\n`,
      431,
      "Request Header Fields Too Large",
    ],
    [
      "a broken chunk",
      "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      400,
      "Bad Request",
    ],
  ])("%s is answered, and the connection closed", async (_what, bytes, status, detail) => {
    const connection = await RawConnection.to(target);
    connection.send(Buffer.from(bytes, "latin1"));
    await connection.has(new RegExp(`^HTTP/1\\.1 ${status} `));
    await connection.closed();
    expect(connection.error).toBeUndefined();
    expect(connection.text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    if (detail !== "") {
      const [head = "", body = ""] = connection.text.split("\r\n\r\n");
      expect(JSON.parse(body)).toEqual({ detail });
      expect(head).toMatch(/^content-type: application\/json; charset=utf-8$/m);
      expect(head).toMatch(new RegExp(`^content-length: ${body.length}$`, "m"));
    }
    connection.leave();
  });

  test("a client that reads only once it has sent all of its nine megabytes of headers gets its answer", async () => {
    const connection = await RawConnection.to(target);
    connection.pause();
    await connection.send(`GET /pid HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"a".repeat(9_000_000)}\r\n\r\n`);
    expect(connection.error).toBeUndefined();
    connection.resume();
    await connection.has(/^HTTP\/1\.1 431 /);
    expect(connection.error).toBeUndefined();
    connection.leave();
  });

  test("a client that was refused and holds on to its connection: the server lets go all the same", async () => {
    const connection = await RawConnection.to(target);
    connection.send("no HTTP at all\r\n\r\n");
    await connection.closed();
    await eventually("the server has let go of the connection", () => !holds(connection), 4000);
    connection.leave();
  });

  test.each([
    ["half a request line", "GET /pi"],
    ["half the headers", "GET /pid HTTP/1.1\r\nHost: localhost\r\nAccept"],
    ["half a body", `${BODY_TOO_SLOW}{"prompt":`],
    ["nothing at all", ""],
  ])("%s, then gone: the server does not mind", async (_what, bytes) => {
    for (const leave of ["end", "leave"] as const) {
      const connection = await RawConnection.to(target);
      if (bytes !== "") connection.send(bytes);
      await eventually("it was accepted", () => holds(connection));
      connection[leave]();
      await eventually("the server has let go of the connection", () => !holds(connection), 4000);
      connection.leave();
    }
  });

  test("headers that drip in (slow-loris) get 408 after headersTimeout, while others are served", async () => {
    const connection = await RawConnection.to(target);
    const began = Date.now();
    connection.send("GET /pid HTTP/1.1\r\nHost: localhost\r\n");
    const drip = setInterval(() => connection.send("a: b\r\n"), 100);
    try {
      let served = 0;
      await eventually("it is answered", async () => {
        served += (await ask(target, "/pid")).status === 200 ? 1 : 0;
        return connection.ended;
      });
      expect(connection.text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
      expect(Date.now() - began).toBeGreaterThanOrEqual(HEADERS_TIMEOUT_MS - 50);
      expect(served).toBeGreaterThan(5);
    } finally {
      clearInterval(drip);
      connection.leave();
    }
  });

  test("a body that drips in gets 408 after requestTimeout, and the app's handler is let go", async () => {
    const connection = await RawConnection.to(target);
    const began = Date.now();
    connection.send(BODY_TOO_SLOW);
    const drip = setInterval(() => connection.send("x"), 100);
    try {
      await connection.has(/^HTTP\/1\.1 408 Request Timeout\r\n/);
      expect(Date.now() - began).toBeGreaterThanOrEqual(REQUEST_TIMEOUT_MS - 50);
      await eventually("the server has let go of the connection", () => !holds(connection), 4000);
    } finally {
      clearInterval(drip);
      connection.leave();
    }
  });

  test("a connection that never says anything is closed", async () => {
    const connection = await RawConnection.to(target);
    await connection.closed(HEADERS_TIMEOUT_MS + CHECK_MS + LATE_MS);
    connection.leave();
  });

  test("garbage behind a request never becomes a part of the answer that is streaming", async () => {
    const connection = await RawConnection.to(target);
    connection.send('GET /stream/Echo/ticks?args=[30,20,"mixed"] HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await connection.has("3 ");
    connection.send("no HTTP at all\r\n\r\n");
    await connection.closed();
    expect(connection.text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(connection.text).not.toContain("detail");
    connection.leave();
    await eventually("the run has come to its end", () =>
      events(server.folder).some(({ what, label }) => label === "mixed" && what !== "began"),
    );
  });
});

describe("request ids", () => {
  async function seen(headers: Record<string, string>): Promise<{ app: string; client: string }> {
    const { headers: answered, body } = await ask(target, "/echo-headers", { headers });
    const { "x-request-id": app }: Record<string, string> = JSON.parse(body);
    return { app: app ?? "", client: String(answered["x-request-id"]) };
  }

  test.each(["a", "order-17.retry_2", "a".repeat(128)])("a good one is kept: %s", async (id) => {
    expect(await seen({ "X-Request-Id": id })).toEqual({ app: id, client: id });
  });

  test.each(["", "two words", "a".repeat(129), "<script>", "a\tb", "\u00e9"])(
    "a bad one is replaced by one of the server's own: %j",
    async (id) => {
      const { app, client } = await seen({ "X-Request-Id": id });
      expect(client).toMatch(/^[\w.-]{1,128}$/);
      expect(client).not.toBe(id);
      expect(app).toBe(client);
    },
  );

  test("each request without one gets another", async () => {
    const ids = await Promise.all([1, 2, 3].map(async () => (await seen({})).client));
    expect(new Set(ids).size).toBe(3);
  });
});

describe("the access log", () => {
  /** The line about a request, once it is there. */
  async function lineAbout(id: string): Promise<Record<string, unknown>> {
    const line = await eventually("the request is logged", () =>
      server
        .log()
        .split("\n")
        .find((text) => text.includes(`"requestId":"${id}"`)),
    );
    return JSON.parse(line);
  }

  test("does not tell the ids of streams", async () => {
    const id = createStreamId();
    await ask(target, `/pid/${id}?again=${id}`, { headers: { "x-request-id": "secret-1" } });
    expect(await lineAbout("secret-1")).toMatchObject({ url: "/pid/str_…?again=str_…" });
    expect(server.log()).not.toContain(id);
  });

  test("has a line for each request, with its id", async () => {
    await ask(target, "/wait/60", { headers: { "x-request-id": "logged-1", "user-agent": "tester/1" } });
    expect(await lineAbout("logged-1")).toMatchObject({
      level: "info",
      role: "http worker",
      requestId: "logged-1",
      method: "GET",
      url: "/wait/60",
      status: 200,
      remote: "127.0.0.1",
      agent: "tester/1",
      complete: true,
      msg: expect.stringMatching(/^GET \/wait\/60 200 in \d+ ms$/),
    });
    expect((await lineAbout("logged-1"))["ms"]).toBeGreaterThanOrEqual(55);
  });

  test("shows that a client left before the end", async () => {
    const left = await stream(target, "Echo.ticks", [1000, 20], { headers: { "x-request-id": "logged-2" } });
    left.leave();
    const line = await lineAbout("logged-2");
    expect(line).toMatchObject({ status: 200, complete: false });
    expect(line["msg"]).toMatch(/, cut short$/);
  });
});

describe("connections", () => {
  const GET = "GET /pid HTTP/1.1\r\nHost: localhost\r\n\r\n";

  test("one serves many requests, and is closed when it was idle for the keep-alive", async () => {
    const connection = await RawConnection.to(target);
    // Before its answer: a test that sees that late would find the time too short.
    let idleSince = 0;
    for (let i = 1; i <= 3; i++) {
      idleSince = Date.now();
      connection.send(GET);
      await eventually("it is answered", () => connection.text.match(/HTTP\/1\.1 200 OK/g)?.length === i);
    }
    expect(connection.text).toContain("Keep-Alive: timeout=1");
    await connection.closed();
    expect(Date.now() - idleSince).toBeGreaterThanOrEqual(KEEPALIVE_MS - 50);
    connection.leave();
  });

  test("pipelined requests are answered in their order, also when an earlier one takes longer", async () => {
    const connection = await RawConnection.to(target);
    const paths = ["/wait/150", "/stream/Echo/ticks?args=[3,30]", "/pid", "/big/5", "/wait/1"];
    connection.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(""));
    await connection.has(/(HTTP\/1\.1 200 OK[\s\S]*){5}waited/);
    const text = connection.text.replace(/HTTP\/1\.1 200 OK[\s\S]*?\r\n\r\n/g, "|");
    const bodies = text
      .split("|")
      .slice(1)
      .map((body) => body.replace(/[\da-f]+\r\n([^\r]*)\r\n/g, "$1").trim());
    expect(bodies).toEqual([
      "waited",
      "0 1 2 done",
      String(server.pids("http worker")[0]),
      "xxxxx",
      "waited",
    ]);
    connection.leave();
  });

  test("a request that offers an upgrade which the app does not take is answered as any other", async () => {
    const connection = await RawConnection.to(target);
    connection.send(
      "GET /pid HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    await connection.has(/^HTTP\/1\.1 200 OK/);
    connection.leave();
  });

  test("Expect: 100-continue is answered before the body", async () => {
    const connection = await RawConnection.to(target);
    connection.send(
      "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
    );
    await connection.has(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    connection.send("four");
    await connection.has("body of 4");
    connection.leave();
  });

  test("HTTP/1.0 without keep-alive is answered and closed", async () => {
    const connection = await RawConnection.to(target);
    connection.send("GET /stream/Echo/ticks?args=[3,1] HTTP/1.0\r\n\r\n");
    await connection.closed();
    expect(connection.text).toMatch(/\r\n\r\n0 1 2 done$/);
    connection.leave();
  });

  test("HEAD has the headers and no body", async () => {
    const connection = await RawConnection.to(target);
    connection.send("HEAD /big/1000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    await connection.closed();
    expect(connection.text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(connection.text).toMatch(/\r\n\r\n$/);
    expect(connection.text).not.toContain("xxx");
    connection.leave();
  });

  test("a client that closes its sending side alone counts as gone: its run is cancelled", async () => {
    const connection = await RawConnection.to(target);
    connection.send(
      'GET /stream/Echo/ticks?args=[1000,20,"half-closed"] HTTP/1.1\r\nHost: localhost\r\n\r\n',
    );
    await connection.has("2 ");
    connection.end();
    await eventually("the run is cancelled", () =>
      events(server.folder).some(({ what, label }) => what === "cancelled" && label === "half-closed"),
    );
    connection.leave();
  });
});

test("a large answer arrives whole, also at a client that reads slowly", async () => {
  const size = 20_000_000;
  const [fast, slow] = await Promise.all([open(target, `/big/${size}`), RawConnection.to(target)]);
  slow.send(`GET /big/${size} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  slow.pause();
  await fast.ended();
  expect(fast.text.length).toBe(size);
  slow.resume();
  await slow.closed();
  expect(slow.text.length - slow.text.indexOf("\r\n\r\n") - 4).toBe(size);
  slow.leave();
});

test("a large body arrives whole", async () => {
  const { body } = await ask(target, "/body", { method: "POST", body: Buffer.alloc(5_000_000, "x") });
  expect(body).toBe("body of 5000000");
});

test("two hundred clients at once are all served", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 200 });
  const answers = await Promise.all(
    Array.from({ length: 400 }, (_, n) =>
      ask(target, `/stream/Echo/ticks?args=[${(n % 5) + 1},1]`, { agent }),
    ),
  );
  agent.destroy();
  expect(answers.filter(({ complete, body }) => complete && body.endsWith("done"))).toHaveLength(400);
});
