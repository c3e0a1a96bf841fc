import { ModelError } from "../model-error.ts";
import { UnsupportedRequestError } from "../unsupported.ts";

/** Longer waits are the client's: it is told how long. */
const MOST_WAIT_MS = 5000;

/** The most of what an upstream says that the log keeps. */
const MOST_LOGGED = 500;

/**
 * What an upstream's refusal means. What it said stays in the message, which is for the log.
 *
 * @param said the body of its answer.
 */
export function refusalOf(
  status: number,
  headers: Headers,
  said: string,
): ModelError | UnsupportedRequestError {
  const text = `the upstream answered ${status}: ${said.slice(0, MOST_LOGGED)}`;
  if (status === 401 || status === 403)
    return new ModelError("upstream_auth", `${text} (it is OPENAI_API_KEY that it refuses)`);
  if (status === 404)
    return new ModelError(
      "upstream_not_found",
      `${text} (it knows no such model, or OPENAI_BASE_URL is not its address)`,
    );
  if (status === 429) {
    const wait = waitOf(headers);
    return new ModelError(
      "upstream_busy",
      text,
      wait === undefined ? {} : { retryAfter: Math.ceil(wait / 1000) },
    );
  }
  if (status === 408 || status === 504) return new ModelError("upstream_timeout", text);
  if (status === 409 || status >= 500) return new ModelError("upstream_failed", text);
  if (/context_length_exceeded|maximum context length/.test(said))
    return new UnsupportedRequestError(
      "This conversation is too long for the model.",
      "messages",
      "context_length_exceeded",
    );
  return new UnsupportedRequestError(
    `The model cannot take this request (status ${status}).`,
    undefined,
    "invalid_request",
  );
}

/** Whether the same request may be answered when it is sent again. */
export function mayRetry(error: unknown): boolean {
  return (
    error instanceof ModelError &&
    ["upstream_busy", "upstream_failed", "upstream_timeout"].includes(error.reason)
  );
}

/** How long to wait before the next try; undefined where it is not worth the wait. */
export function retryDelay(tries: number, headers: Headers | undefined): number | undefined {
  const asked = headers === undefined ? undefined : waitOf(headers);
  if (asked !== undefined) return asked > MOST_WAIT_MS ? undefined : asked;
  // Apart from each other, so that many who failed together do not come back together.
  return 250 * 2 ** tries * (0.5 + Math.random() / 2);
}

function waitOf(headers: Headers): number | undefined {
  const ms = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (ms >= 0) return ms;
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return seconds >= 0 ? seconds * 1000 : undefined;
}
