import { isObject, type JsonObject, listOf, objectOf, parseJson, textOf } from "./json.ts";

/** What an upstream says of a failure, whichever way it says it. */
export interface SaidError {
  /** A status that stands in it, as in the events of a stream. */
  readonly status: number | undefined;
  /** Its words for programs: `type`, `code` and the like, with spaces between. */
  readonly words: string;
  readonly message: string;
  /** The field that it is about. */
  readonly param: string | undefined;
  /** `code`, where that is a word. */
  readonly code: string | undefined;
}

/** What may be passed on to a client: a name, and no sentence. */
const NAME = /^[\w.[\]$-]{1,128}$/;

const TOO_LONG_WORD = /context_?(?:length|size|window)|(?:prompt|input)_too_(?:long|large)/i;

// As vLLM, SGLang, TGI, llama.cpp, Ollama, Anthropic, Google, Amazon, Mistral, Cohere and Groq say it.
const TOO_LONG = new RegExp(
  [
    "context (?:length|size|window)",
    "maximum (?:model|input|prompt|sequence) length",
    "(?:prompt|input|conversation)s? (?:is|are) too (?:long|large)",
    "too many (?:input |prompt )?tokens",
    "input token count",
    "reduce the length of",
    "inputs?`? tokens .*must be",
    "must have less than \\d+ tokens",
  ].join("|"),
  "i",
);

/** Reads an error: the body of an answer, or an event. */
export function saidError(value: unknown): SaidError {
  const body: JsonObject = objectOf(Array.isArray(value) ? value[0] : value) ?? {};
  const error = objectOf(body["error"]) ?? body;
  const { code, param, type, status } = error;
  const [detail] = listOf(body["detail"]);
  const loc = isObject(detail) && Array.isArray(detail["loc"]) ? detail["loc"] : [];
  return {
    status: [code, status, error["status_code"]].map(Number).find((each) => each >= 400 && each < 600),
    words: [type, code, status].filter((each) => typeof each === "string").join(" "),
    message:
      textOf(error["message"]) ??
      textOf(body["error"]) ??
      textOf(body["message"]) ??
      textOf(isObject(detail) ? detail["msg"] : detail) ??
      "",
    // FastAPI's has `body` in front.
    param: nameOf(param ?? loc.filter((step, at) => at > 0 || step !== "body").join(".")),
    code: typeof code === "string" && !/^\d+$/.test(code) ? nameOf(code) : undefined,
  };
}

/** As {@link saidError}, of a body's text. A text that is not JSON becomes the message. */
export function saidErrorIn(text: string): SaidError {
  const value = parseJson(text);
  return value === undefined ? { ...saidError({}), message: text } : saidError(value);
}

/** Whether an error's words for programs say that a conversation is too long for the model. */
export function saysTooLong({ words }: SaidError): boolean {
  return TOO_LONG_WORD.test(words);
}

/** Whether an error says that a conversation is too long, in its words for people where it has no others. */
export function readsTooLong(error: SaidError): boolean {
  return saysTooLong(error) || TOO_LONG.test(error.message);
}

function nameOf(value: unknown): string | undefined {
  return typeof value === "string" && NAME.test(value) ? value : undefined;
}
