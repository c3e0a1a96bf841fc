import { type ChatServer, chatServer } from "./chat-server.ts";
import { backoff, pause } from "./wait.ts";

const TRIES = 5;
const WITHIN_MS = 5000;

/**
 * Ends an answer on the server, queued or running. Tries again where the request does not reach it; after that
 * the server's own grace ends the answer. Never throws.
 */
export async function stopAnswer(streamId: string, server: ChatServer = chatServer): Promise<void> {
  const url = streamAddress(streamId);
  for (let tries = 0; tries < TRIES; tries++) {
    // keepalive: it reaches the server also when the page goes away now.
    const init: RequestInit = { method: "DELETE", keepalive: true, signal: AbortSignal.timeout(WITHIN_MS) };
    const response = await server.fetch(url, init).catch(() => undefined);
    if (response !== undefined && response.status < 500) return;
    await pause(backoff(tries), new AbortController().signal, server.wake);
  }
}

/** Where a resumable answer is read and stopped. */
export function streamAddress(streamId: string): string {
  return `chat/streams/${encodeURIComponent(streamId)}`;
}
