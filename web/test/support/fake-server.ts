import type { ChatServer } from "../../src/server/chat-server.ts";
import { ServerWatch } from "../../src/server/server-watch.ts";

/** A request that reached the fake server. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly after: string | null;
  readonly body: unknown;
}

/** How it answers a request: a response, or an error for a network that fails. */
export type Reply = (asked: Asked, signal: AbortSignal | undefined) => Response | Error | Promise<Response>;

/** A network that fails. */
export const noNetwork: Reply = () => new TypeError("fetch failed");

/** A chat server within the test: each request takes the next reply; the last one stays. */
export class FakeServer implements ChatServer {
  readonly asked: Asked[] = [];
  /** The answers to questions for its health, which take none of the other replies. */
  health: Reply[] = [noNetwork];
  readonly watch: ServerWatch;
  readonly #replies: Reply[];
  readonly #woken = new Set<() => void>();

  constructor(...replies: Reply[]) {
    this.#replies = replies;
    this.watch = new ServerWatch({ fetch: this.fetch, wake: this.wake });
  }

  readonly wake = (callback: () => void): (() => void) => {
    this.#woken.add(callback);
    return () => this.#woken.delete(callback);
  };

  /** The network comes back. */
  comeOnline(): void {
    for (const callback of [...this.#woken]) callback();
  }

  readonly fetch: typeof fetch = async (input, init) => {
    init?.signal?.throwIfAborted();
    const asked: Asked = {
      method: init?.method ?? "GET",
      url: String(input),
      after: new Headers(init?.headers).get("last-event-id"),
      body: typeof init?.body === "string" ? JSON.parse(init.body) : undefined,
    };
    this.asked.push(asked);
    if (asked.method === "DELETE") return new Response(null, { status: 204 });
    const replies = asked.url === "health" ? this.health : this.#replies;
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    if (reply === undefined) throw new TypeError("fetch failed");
    const answer = await reply(asked, init?.signal ?? undefined);
    if (answer instanceof Error) throw answer;
    return answer;
  };

  /** The requests for answers as lines: method, address and the number after which an answer is asked for. */
  get lines(): string[] {
    const asked = this.asked.filter(({ url }) => url !== "health");
    return asked.map(({ method, url, after }) => [method, url, after].filter((x) => x !== null).join(" "));
  }
}

/** Tokens as events, numbered from `first`. */
export function tokens(first: number, ...texts: string[]): string {
  return texts.map((token, at) => `id: ${first + at}\ndata: ${JSON.stringify({ token })}\n\n`).join("");
}

/** A response of events: an answer that can be continued, which ends or stays open after them. */
export function events(
  text: string,
  { streamId = "str_1", end = "close" }: { streamId?: string | null; end?: "close" | "break" | "open" } = {},
): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      if (end === "close") controller.close();
    },
    pull(controller) {
      if (end === "break") controller.error(new TypeError("network error"));
    },
  });
  return new Response(body, { headers: streamId === null ? {} : { "x-stream-id": streamId } });
}

/** What the server says of an answer that it has no more. */
export function gone(status = 404, body = '{"detail": "gone"}'): Response {
  return new Response(body, { status, headers: { "x-request-id": "r-1" } });
}

/** The last event of a whole answer. */
export const DONE = "data: [DONE]\n\n";
