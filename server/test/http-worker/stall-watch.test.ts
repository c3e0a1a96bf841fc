import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { StallWatch } from "../../src/http-worker/stall-watch.ts";
import { until } from "../dirty/wire-peer.ts";

const LIMIT_S = 0.4;

let server: Server;
let watch: StallWatch;
let connections: Map<Socket, { responses: Set<ServerResponse> }>;
let clients: Socket[] = [];
/** The paths of the requests whose clients were found stalled, and when. */
let stalls: { url: string | undefined; at: number }[] = [];

afterEach(async () => {
  watch.stop();
  for (const client of clients) client.destroy();
  clients = [];
  stalls = [];
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Starts a server that is watched, on TCP or on a unix socket. */
async function serve(
  listener: RequestListener,
  { path, seconds = LIMIT_S }: { path?: string; seconds?: number } = {},
) {
  connections = new Map();
  server = createServer((request, response) => {
    connections.get(request.socket)?.responses.add(response);
    response.once("close", () => connections.get(request.socket)?.responses.delete(response));
    listener(request, response);
  });
  server.on("connection", (socket) => {
    connections.set(socket, { responses: new Set() });
    socket.once("close", () => connections.delete(socket));
  });
  watch = new StallWatch(connections, seconds, (socket, { req }) => {
    stalls.push({ url: req.url, at: performance.now() });
    socket.destroy();
  });
  watch.start();
  await new Promise<void>((resolve) => server.listen(path ?? 0, resolve));
}

/** Asks, and reads nothing of the answer until told. */
async function ask(path = "/"): Promise<Socket> {
  const address = server.address();
  const client = connect(
    typeof address === "object" ? { port: address?.port ?? 0 } : { path: address ?? "" },
  );
  client.on("error", () => {});
  client.pause();
  clients.push(client);
  await new Promise<void>((resolve) => client.once("connect", resolve));
  client.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  return client;
}

/** Writes as much as the client takes, without end. */
const flood: RequestListener = (_request, response) => {
  const fill = (): void => {
    while (!response.destroyed && response.write("x".repeat(65_536)));
    response.once("drain", fill);
  };
  fill();
};

async function stalled(url: string, ms?: number): Promise<number> {
  await until(
    () => `${url} is found stalled`,
    () => stalls.some((one) => one.url === url),
    ms,
  );
  return stalls.find((one) => one.url === url)?.at ?? 0;
}

/** Nothing was found stalled for some time. */
async function noneFor(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await until(
    () => "the time is over",
    () => performance.now() > end || stalls.length > 0,
    ms + 5000,
  );
  expect(stalls).toEqual([]);
}

describe("a client that takes nothing", () => {
  test.each([
    ["over TCP", undefined],
    ["over a unix socket", join(tmpdir(), `tsustall-${process.pid}.sock`)],
  ])(
    "of a stream without end is found once its limit has passed, not before, and once (%s)",
    async (_how, path) => {
      await serve(flood, path === undefined ? {} : { path });
      const began = performance.now();
      await ask("/flood");
      const at = await stalled("/flood");
      expect(at - began).toBeGreaterThanOrEqual(LIMIT_S * 1000 - 5);
      const [before] = stalls;
      await ask("/again");
      await stalled("/again");
      expect(stalls.filter(({ url }) => url === "/flood")).toEqual([before]);
    },
  );

  test("of an answer that was written in one piece is found too", async () => {
    await serve((_request, response) => void response.end(Buffer.alloc(30_000_000)));
    await ask("/piece");
    await stalled("/piece");
  });

  test("is left alone where the limit is 0", async () => {
    await serve(flood, { seconds: 0 });
    await ask();
    await noneFor(LIMIT_S * 3000);
  });
});

describe("a client is left alone", () => {
  test("that takes a large answer, written in one piece, for far longer than the limit", async () => {
    // One write is in progress all the time, so only the kernel's own progress shows that the client reads.
    const SIZE = 200_000_000;
    await serve((_request, response) => void response.end(Buffer.alloc(SIZE)));
    const client = await ask();
    let read = 0;
    // A third of the kernel's buffers and more within each limit, so that the kernel asks for more.
    const reading = setInterval(() => {
      read += client.read()?.length ?? 0;
    }, 5);
    await noneFor(LIMIT_S * 5000);
    clearInterval(reading);
    expect(read).toBeGreaterThan(5_000_000);
    expect(read).toBeLessThan(SIZE);
  });

  test("whose answer has nothing to send for longer than the limit", async () => {
    await serve((_request, response) => void response.write("one token"));
    await ask();
    await noneFor(LIMIT_S * 3000);
  });

  test("while the process itself stands still", async () => {
    await serve(flood);
    const client = await ask();
    await until(
      () => "the answer waits",
      () => [...connections.keys()].some((socket) => socket.writableLength > 0),
    );
    // It reads again after the pause. What it did not take meanwhile, no server could have given it.
    const end = performance.now() + LIMIT_S * 3000;
    while (performance.now() < end);
    client.resume();
    await noneFor(LIMIT_S * 2000);
  });

  test("that was upgraded: what it gets is not an answer", async () => {
    await serve(() => {});
    server.on("upgrade", (_request, socket: Socket) => {
      socket.on("error", () => {});
      socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
      socket.write(Buffer.alloc(30_000_000));
    });
    const address = server.address();
    const client = connect({ port: typeof address === "object" ? (address?.port ?? 0) : 0 });
    clients.push(client);
    client.pause();
    client.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
    await noneFor(LIMIT_S * 3000);
  });
});
