import { ModelError } from "../model-error.ts";
import type { UnsupportedRequestError } from "../unsupported.ts";
import { isObject, type JsonObject } from "./json.ts";
import { saidError, saysTooLong } from "./said-error.ts";
import { MOST_LOGGED, reasonOf, tooLong } from "./upstream-error.ts";

/** Whether an event of a stream, whose status was 200, says that the upstream failed. */
export function isFailure(chunk: JsonObject): boolean {
  const { error, object, type, choices, message, detail } = chunk;
  if (isSaid(error) || object === "error" || type === "error") return true;
  // What web frameworks say, which have no choices.
  return choices === undefined && (typeof message === "string" || isSaid(detail));
}

/**
 * What a failure in a stream means. It is the upstream's own, unless its words for programs say something else: a
 * request that it did not like would have had another status.
 *
 * @param text the event as it came, for the log.
 */
export function failureOf(chunk: JsonObject, text: string): ModelError | UnsupportedRequestError {
  const error = saidError(chunk);
  if (saysTooLong(error)) return tooLong();
  const said = `the upstream failed in mid-answer: ${text.slice(0, MOST_LOGGED)}`;
  return new ModelError(reasonOf(error.status ?? 500, error) ?? "upstream_failed", said);
}

/** Whether a value says something. `null`, `false`, `""` and objects of nothing else say that there is nothing. */
function isSaid(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === "") return false;
  return !isObject(value) || Object.values(value).some(isSaid);
}
