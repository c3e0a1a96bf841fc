import { isWithoutServer } from "./chat-error.ts";
import { ServerWatch } from "./server-watch.ts";
import { browserWake, type Wake } from "./wait.ts";

/** What every request to the chat server needs. Tests give their own. */
export interface ChatServer {
  readonly fetch: typeof fetch;
  readonly watch: ServerWatch;
  readonly wake: Wake;
}

/** The server that this page came from. All addresses are relative to the page's. */
export const chatServer: ChatServer = {
  fetch: (...request) => fetch(...request),
  watch: new ServerWatch(),
  wake: browserWake,
};

/**
 * A fetch whose headers have a deadline, and that tells the watch whether the server was there.
 * @throws the signal's reason on abort; else whatever kept the request from the server
 */
export async function request(
  { fetch, watch }: ChatServer,
  url: string,
  init: RequestInit & { readonly signal: AbortSignal; readonly headersWithinMs: number },
): Promise<Response> {
  const { signal, headersWithinMs, ...rest } = init;
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new DOMException("no answer in time", "TimeoutError")),
    headersWithinMs,
  );
  try {
    const response = await fetch(url, { ...rest, signal: AbortSignal.any([signal, late.signal]) });
    if (isWithoutServer(response)) watch.reportGone();
    else watch.reportThere();
    return response;
  } catch (error) {
    signal.throwIfAborted();
    watch.reportGone();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
