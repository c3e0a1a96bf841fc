import { z } from "zod";
import { json } from "../schemas/responses.ts";
import { DONE_EVENT } from "../sse.ts";
import { ChatFormat, TextFormat } from "./completion-format.ts";

// Responses as the OpenAPI document shows them. They describe what is sent, and check nothing at run time.

const ErrorObject = z.object({
  error: z.object({
    message: z.string(),
    type: z.enum(["invalid_request_error", "rate_limit_error", "server_error"]),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});

function problem(description: string, error: z.output<typeof ErrorObject>["error"]) {
  return json(description, ErrorObject, { error });
}

const RETRY_AFTER = {
  headers: { "retry-after": { type: "integer", description: "Whole seconds after which to try again." } },
};

/** How a request for a model's work can fail: one entry per status. */
export const MODEL_ERRORS = {
  400: problem("The request is not what this route takes, or asks for what the model does not have.", {
    message: "Missing required parameter: 'messages'.",
    type: "invalid_request_error",
    param: "messages",
    code: "missing_required_parameter",
  }),
  404: problem("There is no such model.", {
    message: "The model `gpt-9` does not exist.",
    type: "invalid_request_error",
    param: "model",
    code: "model_not_found",
  }),
  413: problem("The body is larger than `CHAT_V1_BODY_MIB`.", {
    message: "The request body is larger than 16 MiB.",
    type: "invalid_request_error",
    param: null,
    code: "body_too_large",
  }),
  415: problem("The body is compressed, or not sent as `application/json`.", {
    message:
      'The request body has the content encoding "gzip", which this server does not read. Send it without one.',
    type: "invalid_request_error",
    param: null,
    code: "unsupported_content_encoding",
  }),
  429: {
    ...problem("All slots are taken and the queue is full.", {
      message: "Too many requests are waiting. Try again later.",
      type: "rate_limit_error",
      param: null,
      code: "queue_full",
    }),
    ...RETRY_AFTER,
  },
  500: problem("The model failed, or its worker died.", {
    message: "The model failed to answer.",
    type: "server_error",
    param: null,
    code: "app_error",
  }),
  502: problem("The API behind the model failed.", {
    message: "The model's provider failed to answer.",
    type: "server_error",
    param: null,
    code: "upstream_failed",
  }),
  503: {
    ...problem("No model is available, the request waited for too long, or the server is shutting down.", {
      message: "The model is not available. Try again later.",
      type: "server_error",
      param: null,
      code: "no_workers",
    }),
    ...RETRY_AFTER,
  },
  504: problem("The answer took longer than `dirtyTimeout`.", {
    message: "The answer took too long.",
    type: "server_error",
    param: null,
    code: "timeout",
  }),
};

const Usage = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });
const FinishReason = z.enum(["stop", "length", "tool_calls", "content_filter"]);

function envelope<S extends z.ZodType>(object: string, choice: S) {
  return z.object({
    id: z.string(),
    object: z.literal(object),
    created: z.int(),
    model: z.string(),
    choices: z.array(choice),
    usage: Usage,
    system_fingerprint: z.null(),
  });
}

const ChatCompletion = envelope(
  "chat.completion",
  z.object({
    index: z.literal(0),
    message: z.object({
      role: z.literal("assistant"),
      content: z.string().nullable(),
      refusal: z.string().nullable(),
      reasoning_content: z.string().optional(),
      tool_calls: z.array(z.looseObject({})).optional(),
    }),
    logprobs: z.null(),
    finish_reason: FinishReason,
  }),
);

const TextCompletion = envelope(
  "text_completion",
  z.object({ text: z.string(), index: z.literal(0), logprobs: z.null(), finish_reason: FinishReason }),
);

const FINISH = { reason: "stop", promptTokens: 1, completionTokens: 2 } as const;
const OPTIONS = { model: "simulated", includeUsage: true };

function completion(schema: z.ZodType, format: ChatFormat | TextFormat) {
  const events = format.begin() + format.piece("Hello") + format.piece("!") + format.end(FINISH) + DONE_EVENT;
  return {
    description: "The answer: in one piece, or with `stream` as it is made.",
    content: {
      "application/json": { schema, examples: { whole: { value: format.whole(["Hello", "!"], FINISH) } } },
      "text/event-stream": { schema: z.string(), examples: { stream: { value: events } } },
    },
  };
}

/** The answer of `POST /v1/chat/completions`. */
export const CHAT_COMPLETION = completion(ChatCompletion, new ChatFormat(OPTIONS));

/** The answer of `POST /v1/completions`. */
export const COMPLETION = completion(TextCompletion, new TextFormat(OPTIONS));

/** The answer of `POST /v1/embeddings`. */
export const EMBEDDINGS = json(
  "The embeddings, in the order of the inputs.",
  z.object({
    object: z.literal("list"),
    data: z.array(
      z.object({
        object: z.literal("embedding"),
        index: z.int(),
        embedding: z.union([z.array(z.number()).readonly(), z.string()]),
      }),
    ),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  }),
  {
    object: "list",
    data: [{ object: "embedding", index: 0, embedding: [0.1, -0.2] }],
    model: "my-embedder",
    usage: { prompt_tokens: 1, total_tokens: 1 },
  },
);
