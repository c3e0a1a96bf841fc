/** The control socket, with a server behind it that exists only as what is seen of it. */
import { existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ControlServer } from "../../src/arbiter/control-server.ts";
import { until } from "../dirty/wire-peer.ts";
import { FakeTarget } from "./fake-target.ts";

let folder: string;
let path: string;
let target: FakeTarget;
let server: ControlServer;
let clients: Client[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  path = join(folder, "c.sock");
  target = new FakeTarget();
  server = await ControlServer.open(path, target);
  clients = [];
});

afterEach(() => {
  for (const { socket } of clients) socket.destroy();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A client played by hand. */
class Client {
  readonly socket: Socket;
  text = "";
  closed = false;

  constructor(options: { allowHalfOpen?: boolean } = {}) {
    this.socket = connect({ path, ...options });
    clients.push(this);
    this.socket.on("data", (data: Buffer) => {
      this.text += data.toString();
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.closed = true;
    });
  }

  send(text: string | Buffer): this {
    this.socket.write(text);
    return this;
  }

  ask(...command: string[]): this {
    return this.send(`${JSON.stringify({ command })}\n`);
  }

  get answers(): { ok: boolean; result?: unknown; error?: string }[] {
    return this.text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  async answered(count = 1) {
    await until(
      () => `${count} answers; there was ${JSON.stringify(this.text)}`,
      () => this.answers.length >= count,
    );
    return this.answers;
  }

  async ended(): Promise<void> {
    await until(
      () => "the connection is closed",
      () => this.closed,
    );
  }
}

async function isAnswered(): Promise<void> {
  const [answer] = await new Client().ask("ping").answered();
  expect(answer).toMatchObject({ ok: true, result: { pid: 100, name: "shop" } });
}

test("its file is for its owner alone, and goes when it closes", () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
  server.close();
  expect(existsSync(path)).toBe(false);
});

test("a command is answered with its result, in one line of JSON", async () => {
  const client = new Client().ask("show", "listeners");
  expect(await client.answered()).toEqual([{ ok: true, result: expect.arrayContaining([]) }]);
  expect(client.text.match(/\n/g)).toHaveLength(1);
});

test("a command that fails is answered with the reason, and the next one on the connection is served", async () => {
  target.refusal = "there must be one";
  const client = new Client().ask("worker", "remove").ask("fly").ask("ping");
  expect(await client.answered(3)).toEqual([
    { ok: false, error: "there must be one" },
    { ok: false, error: "unknown command: fly" },
    { ok: true, result: expect.anything() },
  ]);
});

test("commands of one client are carried out one after the other, and each client's by themselves", async () => {
  let finish: (message: string) => void = () => {};
  target.reloading = new Promise((resolve) => {
    finish = resolve;
  });
  const client = new Client().ask("reload").ask("reopen");
  await until(
    () => "the reload has begun",
    () => target.done.includes("reload"),
  );
  await isAnswered();
  expect(target.done).toEqual(["reload"]);
  finish("done");
  expect(await client.answered(2)).toEqual([
    { ok: true, result: { message: "done" } },
    { ok: true, result: {} },
  ]);
  expect(target.done).toEqual(["reload", "reopen"]);
});

test("a script may end its side with the command, and gets its answer", async () => {
  const client = new Client({ allowHalfOpen: true });
  client.socket.end('{"command":["ping"]}\n');
  expect(await client.answered()).toMatchObject([{ ok: true }]);
  await until(
    () => "the server has ended its side",
    () => client.socket.readableEnded,
  );
});

test("a command that comes in pieces is put together", async () => {
  const client = new Client();
  for (const byte of '{"command":["show","listeners"]}\n') {
    client.send(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await client.answered()).toMatchObject([{ ok: true }]);
});

describe("a client does no harm that sends", () => {
  test.each([
    ["words that are not JSON", "show workers\n"],
    ["a request of HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ["JSON of another form", '{"command":"show workers"}\n'],
    ["a command of numbers", '{"command":[1]}\n'],
    ["null", "null\n"],
    ["bytes", Buffer.from([0xff, 0xfe, 0, 1, 2, 0x0a])],
  ])("%s", async (_, bytes) => {
    const client = new Client().send(bytes);
    expect(await client.answered()).toEqual([
      { ok: false, error: 'a request is one line: {"command":["show","workers"]}' },
    ]);
    await client.ended();
    await isAnswered();
    expect(target.done).toEqual([]);
  });

  test.each([
    ["without an end", "x".repeat(70_000)],
    ["that ends too late", `{"command":["${"x".repeat(70_000)}"]}\n`],
  ])("a line %s", async (_, line) => {
    const client = new Client().send(line);
    expect(await client.answered()).toEqual([{ ok: false, error: "a line may have 65536 bytes" }]);
    await client.ended();
    await isAnswered();
  });

  test("a hundred connections that say nothing", async () => {
    const silent = Array.from({ length: 100 }, () => new Client());
    await until(
      () => "all but those for which there is room were closed",
      () => silent.filter((one) => one.closed).length === 84,
    );
    await isAnswered();
  });

  test("more commands in progress than there may be connections: the next is told so", async () => {
    target.reloading = new Promise(() => {});
    const busy = Array.from({ length: 16 }, () => new Client().ask("reload"));
    await until(
      () => "all have begun",
      () => target.done.length === 16,
    );
    const late = new Client();
    expect(await late.answered()).toEqual([
      { ok: false, error: "16 commands are being carried out already" },
    ]);
    busy[0]?.socket.destroy();
    await vi.waitFor(isAnswered, { timeout: 50_000 });
  });

  test("a client that goes away in the middle of its command", async () => {
    let finish: (message: string) => void = () => {};
    target.reloading = new Promise((resolve) => {
      finish = resolve;
    });
    const client = new Client().ask("reload").ask("shutdown");
    await until(
      () => "the reload has begun",
      () => target.done.includes("reload"),
    );
    client.socket.destroy();
    await client.ended();
    finish("done");
    await isAnswered();
  });
});

test("a file that a killed server left behind is replaced; a living server's is not, nor is any other file", async () => {
  await expect(ControlServer.open(path, target)).rejects.toThrow(`Cannot listen on unix:${path}`);
  const other = join(folder, "data");
  writeFileSync(other, "mine");
  await expect(ControlServer.open(other, target)).rejects.toThrow("a file that is not a socket");

  const left = join(folder, "left.sock");
  const killed = createServer();
  await new Promise<void>((resolve) => killed.listen(left, resolve));
  // A copy under another name outlives the close, as a killed server's file does.
  const stale = join(folder, "stale.sock");
  linkSync(left, stale);
  await new Promise((resolve) => killed.close(resolve));
  const successor = await ControlServer.open(stale, target);
  expect(successor.url).toBe(`unix:${stale}`);
  successor.close();
});
