import { ModelError, type ModelErrorReason } from "../model-error.ts";
import { UnsupportedRequestError } from "../unsupported.ts";
import { readsTooLong, type SaidError, saidErrorIn, saysTooLong } from "./said-error.ts";

/** Longer waits are the client's: it is told how long. */
const MOST_WAIT_MS = 5000;

/** The longest wait that a client is told. */
const MOST_TOLD_MS = 24 * 60 * 60 * 1000;

/** The most of what an upstream says that the log keeps. */
export const MOST_LOGGED = 500;

/** What is wrong with this server, and not with a request: its key, its account, what it may use. */
const OPERATORS =
  /insufficient_(?:quota|balance|credit|fund)|invalid_?api_?key|api_key_invalid|authentication|unauthori[sz]ed|permission|forbidden|billing|payment|account_deactivated/i;
const OPERATORS_MESSAGE = /\bAPI key (?:is )?(?:not valid|invalid|expired|not found)/i;
const NUMBER = /^\d{1,9}(?:\.\d+)?$/;
const BUSY = /rate_?limit|overloaded_error|too_many_requests|resource_exhausted/i;
const NO_MODEL = /model_?not_?found/i;

const HINTS: Partial<Record<ModelErrorReason, string>> = {
  upstream_auth: " (it refuses OPENAI_API_KEY, or what its account may use)",
  upstream_not_found: " (it knows no such model, or OPENAI_BASE_URL is not its address)",
};

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
  const error = saidErrorIn(said);
  const reason = reasonOf(status, error);
  // Words for people are only looked at where nothing else explains the refusal.
  if (reason === undefined ? readsTooLong(error) : saysTooLong(error)) return tooLong();
  if (reason === undefined) {
    return new UnsupportedRequestError(
      `The model cannot take this request (status ${status}).`,
      error.param,
      error.code ?? "invalid_request",
    );
  }
  const text = `the upstream answered ${status}: ${said.slice(0, MOST_LOGGED)}${HINTS[reason] ?? ""}`;
  const wait = reason === "upstream_busy" ? waitOf(headers) : undefined;
  const retryAfter = wait === undefined ? undefined : Math.ceil(Math.min(wait, MOST_TOLD_MS) / 1000);
  return new ModelError(reason, text, retryAfter === undefined ? {} : { retryAfter });
}

/** Why an upstream failed, by a status and its words; undefined where the request is at fault. */
export function reasonOf(status: number, { words, message }: SaidError): ModelErrorReason | undefined {
  if (BUSY.test(words)) return "upstream_busy";
  if ([401, 402, 403, 407].includes(status) || OPERATORS.test(words) || OPERATORS_MESSAGE.test(message))
    return "upstream_auth";
  if (status === 404 || NO_MODEL.test(words)) return "upstream_not_found";
  if (status === 429 || status === 529) return "upstream_busy";
  if (status === 408 || status === 504) return "upstream_timeout";
  return status === 409 || status >= 500 ? "upstream_failed" : undefined;
}

/** The refusal of a conversation that the model has no room for. */
export function tooLong(): UnsupportedRequestError {
  return new UnsupportedRequestError(
    "This conversation is too long for the model.",
    "messages",
    "context_length_exceeded",
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

/** The ms after which an upstream wants to be asked again, by `Retry-After` (RFC 9110, 10.2.3) or OpenAI's own header. */
function waitOf(headers: Headers): number | undefined {
  const ms = headers.get("retry-after-ms")?.trim() ?? "";
  if (NUMBER.test(ms)) return Number(ms);
  const after = headers.get("retry-after")?.trim() ?? "";
  if (NUMBER.test(after)) return Number(after) * 1000;
  // A date begins with its day. Date.parse would take a number for a year.
  const until = /^[a-z]{3}/i.test(after) ? Date.parse(after) : Number.NaN;
  // By the upstream's own clock, where it tells it.
  const told = Date.parse(headers.get("date") ?? "");
  const wait = until - (Number.isNaN(told) ? Date.now() : told);
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
