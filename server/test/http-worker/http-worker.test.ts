/** What clients and the app see of an HTTP worker's connections. The worker runs in this process, on a real socket. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import { ListeningSocket } from "../../src/arbiter/listening-socket.ts";
import { loadConfig } from "../../src/config/load.ts";
import { HttpWorker } from "../../src/http-worker/http-worker.ts";
import { folderWith } from "../config/folder.ts";

const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

const PATIENCE_MS = 50_000;

let ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  ends = [];
});

/** Starts a worker. @returns where it listens. */
async function serve(
  handle: RequestListener,
  {
    flags = [],
    bind = "127.0.0.1:0",
    upgrade,
  }: { flags?: string[]; bind?: string; upgrade?: () => void } = {},
): Promise<{ port: number } | { path: string }> {
  const folder = folderWith({});
  const { settings } = await loadConfig(["main.ts", ...flags], {}, folder);
  const address = bind.startsWith("unix:") ? `unix:${folder}/web.sock` : bind;
  const socket = await ListeningSocket.bind(address);
  const worker = new HttpWorker(settings, {
    handle,
    attach: (server) => upgrade && server.on("upgrade", upgrade),
    close: async () => {},
    own: [],
  });
  await worker.open([{ fd: socket.fd, bind: socket.address }]);
  ends.push(() => worker.drain(0));
  const file = /^unix:(.*)/.exec(socket.url)?.[1];
  return file === undefined ? { port: Number(/:(\d+)$/.exec(socket.address)?.[1]) } : { path: file };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`it did not happen in time: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A client that sends what it is told to, and keeps what comes back. */
class Client {
  text = "";
  over = false;
  readonly socket: Socket;

  constructor(where: { port: number; host?: string } | { path: string }) {
    this.socket = connect({ ...where, allowHalfOpen: true });
    this.socket.setEncoding("latin1").on("data", (text: string) => {
      this.text += text;
    });
    this.socket.on("error", () => {});
    this.socket.on("end", () => {
      this.over = true;
    });
    this.socket.on("close", () => {
      this.over = true;
    });
    ends.push(() => this.socket.destroy());
  }

  /** Sends this and waits for the server's end. @returns all that came. */
  async exchange(text: string): Promise<string> {
    this.socket.write(text);
    await until(() => this.over);
    return this.text;
  }

  get answers(): number {
    return this.text.match(/HTTP\/1\.1 /g)?.length ?? 0;
  }
}

describe("requests that are pipelined", () => {
  /** An app whose answers wait until they are let go. */
  function holding() {
    const begun: ServerResponse[] = [];
    const closed: (string | undefined)[] = [];
    const handle: RequestListener = (request, response) => {
      begun.push(response);
      response.on("close", () => closed.push(request.url));
    };
    return { begun, closed, handle };
  }

  test.each([
    ["resets it", (socket: Socket) => socket.resetAndDestroy()],
    ["closes it", (socket: Socket) => socket.destroy()],
    ["closes its sending side", (socket: Socket) => socket.end()],
  ])(
    "200 on a connection, whose client %s: one was begun and ends, none is begun after",
    async (_what, leave) => {
      const { begun, closed, handle } = holding();
      const client = new Client(await serve(handle));
      const { port } = (await serve(handle)) as { port: number };
      const other = new Client({ port });
      client.socket.write(Array.from({ length: 200 }, (_, n) => GET.replace("/", `/${n}`)).join(""));
      await until(() => begun.length === 1);
      leave(client.socket);
      await until(() => closed.length === 1);
      expect(closed).toEqual(["/0"]);
      // What would be begun in error is begun before this is answered.
      other.socket.write(GET);
      await until(() => begun.length === 2);
      expect(begun[1]?.req.url).toBe("/");
    },
  );

  test("an answer above the high-water mark ends with its client, too", async () => {
    const { begun, closed, handle } = holding();
    const client = new Client(await serve(handle));
    client.socket.pause();
    client.socket.write(GET.repeat(5));
    await until(() => begun.length === 1);
    while (begun[0]?.write("x".repeat(1_000_000)));
    client.socket.resetAndDestroy();
    await until(() => closed.length === 1);
    expect(begun).toHaveLength(1);
  });

  test("are answered in their order, one after the other", async () => {
    let atOnce = 0;
    const client = new Client(
      await serve((request, response) => {
        expect(++atOnce).toBe(1);
        response.once("close", () => atOnce--);
        setTimeout(() => response.end(`at ${request.url}`), Math.random() * 5);
      }),
    );
    const paths = Array.from({ length: 50 }, (_, n) => `/${n}`);
    client.socket.write(paths.map((path) => GET.replace("/", path)).join(""));
    await until(() => client.answers === 50 && client.text.endsWith("at /49"));
    expect(client.text.match(/at \/\d+/g)).toEqual(paths.map((path) => `at ${path}`));
    expect(client.over).toBe(false);
  });

  test("with bodies are answered, each with its own", async () => {
    const client = new Client(
      await serve(async (request, response) => {
        let body = "";
        for await (const chunk of request) body += chunk;
        response.end(`<${body.length}${body.at(-1)}>`);
      }),
    );
    const post = (size: number, fill: string) =>
      `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${size}\r\n\r\n${fill.repeat(size)}`;
    client.socket.write(post(3, "a") + post(300_000, "b") + post(70_000, "c") + post(1, "d"));
    await until(() => client.answers === 4 && client.text.endsWith("<1d>"));
    expect(client.text.match(/<\d+\w>/g)).toEqual(["<3a>", "<300000b>", "<70000c>", "<1d>"]);
  });

  test("more than may wait: those that may are answered, the last says that the connection ends", async () => {
    const { begun, handle } = holding();
    let served = 0;
    const client = new Client(
      await serve((request, response) => {
        served++;
        if (begun.length > 0) response.end("later");
        else handle(request, response);
      }),
    );
    client.socket.write(GET.repeat(300));
    await until(() => begun.length === 1);
    begun[0]?.end("first");
    await until(() => client.over);
    expect(client.answers).toBe(101);
    expect(served).toBe(101);
    expect(client.text.match(/^connection: close\r$/gim)).toHaveLength(1);
    expect(client.text.slice(client.text.lastIndexOf("HTTP/1.1"))).toMatch(/^connection: close\r$/im);
  });

  test("without end: the connection is cut", async () => {
    const { begun, closed, handle } = holding();
    const client = new Client(await serve(handle));
    client.socket.write(GET.repeat(5000));
    await until(() => client.over && closed.length === 1);
    expect(begun).toHaveLength(1);
    expect(client.text).toBe("");
  });

  test("behind an answer that closes the connection are not begun", async () => {
    let served = 0;
    const where = await serve((_, response) => {
      served++;
      response.shouldKeepAlive = false;
      response.end("only");
    });
    const text = await new Client(where).exchange(GET.repeat(3));
    expect(text.match(/only/g)).toHaveLength(1);
    expect(served).toBe(1);
  });
});

describe("a body", () => {
  const flags = ["--request-timeout", "0.4"];
  const POST = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n";

  async function receive(request: IncomingMessage): Promise<number> {
    let size = 0;
    for await (const chunk of request) size += chunk.length;
    return size;
  }

  test("that takes longer than requestTimeout, but progresses, arrives", async () => {
    const client = new Client(
      await serve(async (request, response) => void response.end(`got ${await receive(request)}`), { flags }),
    );
    const began = performance.now();
    client.socket.write(POST);
    for (let sent = 0; sent < 20_000; sent += 1000) {
      client.socket.write("x".repeat(1000));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await until(() => client.answers === 1);
    expect(client.text).toMatch(/got 20000$/);
    expect(performance.now() - began).toBeGreaterThan(800);
  });

  test.each([
    ["drips in", 1],
    ["stops", 0],
  ])("that %s is 408, and the app's handler is let go", async (_what, bytes) => {
    let failed = false;
    const client = new Client(
      await serve((request) => void receive(request).catch(() => (failed = true)), { flags }),
    );
    client.socket.write(`${POST}beginning`);
    const drip = setInterval(() => client.socket.write("x".repeat(bytes)), 20);
    try {
      await until(() => client.over && failed);
    } finally {
      clearInterval(drip);
    }
    expect(client.text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
  });

  test("that drips in behind its answer has its connection closed, without a second answer", async () => {
    const client = new Client(await serve((_, response) => void response.end("no, thanks"), { flags }));
    client.socket.write(POST);
    const drip = setInterval(() => client.socket.write("x"), 20);
    try {
      await until(() => client.over);
    } finally {
      clearInterval(drip);
    }
    expect(client.answers).toBe(1);
    expect(client.text).toMatch(/no, thanks$/);
  });

  test("that the app does not read yet is not its client's fault", async () => {
    const requests: [IncomingMessage, ServerResponse][] = [];
    const client = new Client(
      await serve((...both) => void requests.push(both), { flags: ["--request-timeout", "0.1"] }),
    );
    client.socket.write(POST.replace("20000", "2000000") + "x".repeat(2_000_000));
    await until(() => requests.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const [[request, response] = []] = requests;
    if (request === undefined) throw new Error("there is no request");
    response?.end(`got ${await receive(request)}`);
    await until(() => client.answers === 1);
    expect(client.text).toMatch(/got 2000000$/);
  });
});

describe("the Host", () => {
  const answer: RequestListener = (_, response) => void response.end("served");
  const asking = (host: string) => `GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;
  const upgrading = (host: string) =>
    `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

  test("of a foreign page is 421, which names the setting, and reaches no handler", async () => {
    let reached = 0;
    const where = await serve(() => void reached++);
    const text = await new Client(where).exchange(asking("Host: evil.example\r\n"));
    expect(text).toMatch(/^HTTP\/1\.1 421 Misdirected Request\r\n[\s\S]*allowedHosts[\s\S]*--allowed-host/);
    expect(reached).toBe(0);
  });

  test.each([
    ["two", "Host: localhost\r\nhost: localhost\r\n"],
    ["a broken one", "Host: local host\r\n"],
    ["none", ""],
  ])("%s: 400, and the connection is closed", async (_what, host) => {
    let reached = 0;
    const where = await serve(() => void reached++);
    const text = await new Client(where).exchange(asking(host).replace("Connection: close\r\n", ""));
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(reached).toBe(0);
  });

  test("is served when it is localhost, an address, or allowed", async () => {
    const where = await serve(answer, { flags: ["--allowed-host", "Chat.Example"] });
    for (const host of ["localhost", "127.0.0.1:1", "chat.example:8000"])
      expect(await new Client(where).exchange(asking(`Host: ${host}\r\n`))).toMatch(/served$/);
  });

  test("counts at the loopback address of a server that is bound to every address, and at no other", async () => {
    const { port } = (await serve(answer, { bind: "0.0.0.0:0" })) as { port: number };
    const ask = (host: string) => new Client({ port, host }).exchange(asking("Host: evil.example\r\n"));
    expect(await ask("127.0.0.1")).toMatch(/^HTTP\/1\.1 421 /);
    const outer = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ family, internal }) => family === "IPv4" && !internal);
    if (outer !== undefined) expect(await ask(outer.address)).toMatch(/served$/);
  });

  test("is any on a unix socket", async () => {
    const where = await serve(answer, { bind: "unix:" });
    expect(await new Client(where).exchange(asking("Host: evil.example\r\n"))).toMatch(/served$/);
  });

  test("of an upgrade counts as well: a WebSocket of a foreign page reaches no handler", async () => {
    const seen: unknown[] = [];
    const upgrade = (request: IncomingMessage, socket: Socket) => {
      seen.push(request.headers.host);
      socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    };
    const where = await serve(answer, { upgrade: upgrade as () => void });
    expect(await new Client(where).exchange(upgrading("evil.example"))).toMatch(/^HTTP\/1\.1 421 /);
    expect(await new Client(where).exchange(upgrading("localhost"))).toMatch(/^HTTP\/1\.1 101 /);
    expect(seen).toEqual(["localhost"]);
  });
});

test("an app finds no name on its request, response, socket and server that Node's own have not", async () => {
  const namesOf = (object: object): string[] => {
    const names = new Set<string>();
    for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at))
      for (const name of Object.getOwnPropertyNames(at)) names.add(name);
    return [...names].sort();
  };
  // Its own method may stand in front of Node's of that name, which the app sees anyway.
  const ownNamesOf = (object: object): string[] =>
    Object.getOwnPropertyNames(object).filter((name) => !(name in Object.getPrototypeOf(object)));
  const seen: Record<string, string[]>[] = [];
  const listener: RequestListener = (request, response) => {
    const { socket } = request;
    response.write("a");
    response.write("b");
    const server: object = Reflect.get(socket, "server");
    const all = { request, response, socket, server };
    for (const kind of ["own", "all"]) {
      const names = kind === "own" ? ownNamesOf : namesOf;
      seen.push(Object.fromEntries(Object.entries(all).map(([name, one]) => [name, names(one).sort()])));
    }
    response.end();
  };
  const plain = createServer(listener);
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  ends.push(() => plain.close());
  const request = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
  await new Client({ port: (plain.address() as AddressInfo).port }).exchange(request);
  await new Client(await serve(listener)).exchange(request);
  expect(seen).toHaveLength(4);
  expect(seen.slice(2)).toEqual(seen.slice(0, 2));
});
