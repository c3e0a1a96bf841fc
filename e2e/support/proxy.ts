import { createServer, request, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** A proxy between the browser and the chat, which a test can break. */
export interface BrittleProxy {
  readonly url: string;
  /** Breaks every connection, as a network does that goes away; new ones are broken too, until it is mended. */
  cut(): void;
  /** Lets new connections through again. */
  mend(): void;
  stop(): Promise<void>;
}

/** What a proxy changes. */
export interface ProxyOptions {
  /** What becomes of the body of a request. */
  readonly rewrite?: (body: string) => string;
  /** The path below which it shows the chat, such as `/tools/chat`; default: none. */
  readonly below?: string;
  /** Which responses are lost on the way, with their connections. */
  readonly loses?: (method: string | undefined) => boolean;
}

/** Starts a proxy in front of a chat. */
export async function startProxy(
  target: string,
  { rewrite = (body) => body, below = "", loses = () => false }: ProxyOptions = {},
): Promise<BrittleProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server: Server = createServer(async (incoming, outgoing) => {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece);
    const body = rewrite(Buffer.concat(pieces).toString());
    const headers = { ...incoming.headers, "content-length": String(Buffer.byteLength(body)) };
    const { method, url = "" } = incoming;
    if (!url.startsWith(`${below}/`)) return void outgoing.writeHead(404).end();
    const path = url.slice(below.length);
    const asked = request({ hostname, port, method, path, headers }, (answer) => {
      if (loses(method)) return void outgoing.destroy();
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on("error", () => outgoing.destroy()).pipe(outgoing);
    });
    asked.on("error", () => outgoing.destroy());
    outgoing.on("close", () => asked.destroy());
    asked.end(body);
  });
  server.on("connection", (socket) => {
    if (isCut) socket.destroy();
    sockets.add(socket.on("error", () => undefined).on("close", () => sockets.delete(socket)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${below}`,
    cut,
    mend: () => {
      isCut = false;
    },
    stop: async () => {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
