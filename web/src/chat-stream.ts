import { SseParser } from "./sse.ts";

/** Why an answer did not come, in words for the person who asked. */
export class ChatError extends Error {
  override readonly name = "ChatError";
  /** Seconds after which another try makes sense, where the server said so. */
  readonly retryAfter: number | undefined;
  /** The request's id, by which the server's log can be searched. */
  readonly requestId: string | undefined;
  /** The same message would be refused again. */
  readonly final: boolean;

  constructor(
    message: string,
    options: { retryAfter?: number; requestId?: string; final?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.retryAfter = options.retryAfter;
    this.requestId = options.requestId;
    this.final = options.final ?? false;
  }
}

const BY_STATUS: Record<number, string> = {
  413: "This message is too long for the server.",
  429: "Too many people are waiting for an answer right now.",
  500: "Something went wrong while the answer was made.",
  502: "The server behind this page does not answer.",
  503: "No worker is free to answer right now.",
  504: "The answer took too long and was stopped.",
};
const CUT_OFF = "The connection ended before the answer did.";

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** The first complaint of a 422 body: `{ detail: [{ msg }] }`. */
function complaint(body: unknown): string | undefined {
  const detail = field(body, "detail");
  const message = Array.isArray(detail) ? field(detail[0], "msg") : undefined;
  return typeof message === "string" ? message : undefined;
}

async function refusal(response: Response): Promise<ChatError> {
  const body: unknown = await response.json().catch(() => undefined);
  const said = response.status === 422 ? complaint(body) : undefined;
  const retryAfter = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  return new ChatError(
    said !== undefined
      ? `The server did not accept this message: ${said}.`
      : (BY_STATUS[response.status] ?? `The server answered with status ${response.status}.`),
    {
      retryAfter: Number.isNaN(retryAfter) ? undefined : retryAfter,
      requestId: response.headers.get("x-request-id") ?? undefined,
      final: response.status === 413 || response.status === 422,
    },
  );
}

/** What one event says: a token, an error, the end; undefined for what this page does not know. */
function readEvent(data: string): { token: string } | { error: string } | "done" | undefined {
  if (data === "[DONE]") return "done";
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return { error: "The server sent something that is not an answer." };
  }
  const token = field(value, "token");
  if (typeof token === "string") return { token };
  const error = field(value, "error");
  if (error === undefined) return undefined;
  const message = field(error, "message");
  return { error: typeof message === "string" ? message : "The answer broke off." };
}

/**
 * Asks, and yields the answer's tokens as they come. Leaving the loop, or the signal, ends the request, and with
 * it the work on the server.
 * @param url of the route `POST /chat`
 * @throws ChatError where there is no answer, or it does not end as it should; the signal's reason on abort
 */
export async function* streamChat(
  url: string,
  question: { prompt: string; thinking: boolean },
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify(question),
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new ChatError("The server cannot be reached. Is it running?", { cause: error });
  }
  if (!response.ok || response.body === null) throw await refusal(response);

  const requestId = response.headers.get("x-request-id") ?? undefined;
  const parser = new SseParser();
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new ChatError(CUT_OFF, { requestId });
      for (const data of parser.push(value)) {
        const event = readEvent(data);
        if (event === "done") return;
        if (event === undefined) continue;
        if ("error" in event) throw new ChatError(event.error, { requestId });
        yield event.token;
      }
    }
  } catch (error) {
    if (error instanceof ChatError) throw error;
    signal.throwIfAborted();
    throw new ChatError(CUT_OFF, { requestId, cause: error });
  } finally {
    // Where the loop was left early, this tells the server that nobody listens any more.
    await reader.cancel().catch(() => undefined);
  }
}
