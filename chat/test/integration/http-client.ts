import { connect, type Socket } from "node:net";
import { partsOf } from "../event-parts.ts";

/** A response, read whole. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends a chat request's body and reads the whole answer. Strings and bytes are sent as they are. */
export async function post(
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const raw = typeof body === "string" || body instanceof Uint8Array || body === undefined;
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: raw ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The events of a stream: the payload of each `data:` line. Throws where anything else stands. */
export function eventsOf(text: string): string[] {
  return partsOf(text).map((part) => {
    const { id, event, data = "" } = part;
    if (id !== undefined || event !== undefined || data === "")
      throw new Error(`not one data line: ${JSON.stringify(part)}`);
    return data;
  });
}

/** The text that a stream's tokens make. Throws where the stream did not end well. */
export function textOf(stream: string): string {
  const events = eventsOf(stream);
  if (events.pop() !== "[DONE]") throw new Error("the stream did not end with [DONE]");
  return events.map((event) => (JSON.parse(event) as { token: string }).token).join("");
}

/**
 * Sends bytes over a connection of their own and reads until the server closes it.
 *
 * @param options.half closes the sending side after the bytes.
 */
export async function exchange(
  url: string,
  bytes: string | Uint8Array,
  options?: { half?: boolean },
): Promise<string> {
  const socket = open(url);
  let received = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  // Only when the server has closed its side: closing first would make this a client that left.
  socket.once("end", () => socket.end());
  socket.setTimeout(10_000, () => socket.destroy(new Error("the server does not close the connection")));
  const closed = new Promise<void>((resolve) => {
    socket.on("error", () => {}).once("close", () => resolve());
  });
  if (options?.half) socket.end(bytes);
  else socket.write(bytes);
  await closed;
  return received;
}

/** A connection to a server. */
export function open(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect({ host: hostname, port: Number(port), allowHalfOpen: true });
}
