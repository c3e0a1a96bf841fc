import { z } from "zod";
import {
  DONE_EVENT,
  errorEvent,
  KEEP_ALIVE_COMMENT,
  numberedTokenEvents,
  queuedEvent,
  tokenEvent,
} from "../sse.ts";
import { UNICODE_MESSAGE } from "./bad-input.ts";
import { ChatResponse } from "./chat.ts";

// Responses as the OpenAPI document shows them. They describe what is sent, and check nothing at run time.

/** A JSON response with one example. */
export function json<S extends z.ZodType>(description: string, schema: S, example: z.output<S>) {
  return {
    description,
    content: { "application/json": { schema, examples: { example: { value: example } } } },
  };
}

const Problem = z.object({ detail: z.string() });

function problem(description: string, detail: string) {
  return json(description, Problem, { detail });
}

const RETRY_AFTER = {
  "retry-after": { type: "integer", description: "Whole seconds after which to try again." },
} as const;

const InputFaults = z.object({
  detail: z.array(
    z.object({
      loc: z
        .array(z.union([z.string(), z.int()]))
        .meta({ description: "The way to the fault; for malformed JSON, its position." }),
      msg: z.string(),
      type: z.string(),
      ctx: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    }),
  ),
});

const TOKENS = ["Hello", "!", " ", "I'm"];
const EVENTS = TOKENS.map(tokenEvent).join("");

interface Example {
  readonly summary: string;
  readonly value: string;
}

function events(description: string, streamIdWhen: string, examples: Record<string, Example>) {
  return {
    description,
    headers: { "x-stream-id": { type: "string", description: streamIdWhen } },
    content: { "text/event-stream": { schema: z.string(), examples } },
  };
}

/** The answer of `POST /chat`. */
export const CHAT_EVENTS = events(
  "The answer as it is made.",
  "The id of a resumable answer. Everyone who knows it can read the answer and cancel it.",
  {
    answer: { summary: "An answer", value: EVENTS + DONE_EVENT },
    failure: {
      summary: "A failure in mid-stream",
      value: EVENTS + errorEvent({ type: "timeout", message: "The answer took too long." }),
    },
    resumable: {
      summary: "A resumable answer that had to wait",
      value:
        queuedEvent(2) +
        queuedEvent(1) +
        KEEP_ALIVE_COMMENT +
        TOKENS.map(numberedTokenEvents(0)).join("") +
        DONE_EVENT,
    },
  },
);

/** The answer of `GET /chat/streams/{id}`. */
export const RESUMED_EVENTS = events("The rest of the answer.", "The id, again.", {
  rest: {
    summary: "What follows event 2",
    value: TOKENS.slice(2).map(numberedTokenEvents(2)).join("") + DONE_EVENT,
  },
  cancelled: {
    summary: "A stream that was cancelled",
    value:
      TOKENS.slice(2).map(numberedTokenEvents(2)).join("") +
      errorEvent({ type: "cancelled", message: "The answer was cancelled." }),
  },
});

/** The answer of `DELETE /chat/streams/{id}`. */
export const CANCELLED = z.null().meta({ description: "The answer is cancelled." });

/** The answer of `POST /chat/sync`. */
export const CHAT_ANSWER = json("The whole answer.", ChatResponse, {
  response: "Hello! I'm a simulated AI assistant...",
});

/** How a chat request can fail: one entry per status. */
export const CHAT_ERRORS = {
  400: json("The body is not UTF-8.", InputFaults, {
    detail: [{ loc: ["body"], msg: UNICODE_MESSAGE, type: "string_unicode" }],
  }),
  413: problem("The body is larger than `CHAT_BODY_MIB`.", "Request body is larger than 1 MiB"),
  415: problem(
    "The body is compressed, or not sent as `application/json`.",
    'The request body was sent as "text/plain". Send it as application/json.',
  ),
  422: json("The body is not what this route takes.", InputFaults, {
    detail: [{ loc: ["body", "prompt"], msg: "Field required", type: "missing" }],
  }),
  429: {
    ...problem(
      "All slots are taken and the queue is full.",
      "Too many requests are waiting. Try again later.",
    ),
    headers: RETRY_AFTER,
  },
  500: problem("The model failed, or its worker died.", "The model failed to answer."),
  502: problem("The API behind the model failed.", "The model's provider failed to answer."),
  503: {
    ...problem(
      "No dirty worker is available, the request waited for too long, or the server is shutting down.",
      "The model is not available. Try again later.",
    ),
    headers: RETRY_AFTER,
  },
  504: problem("The answer took longer than `dirtyTimeout`.", "The answer took too long."),
};

/** How a request to cancel an answer can fail. */
export const CANCEL_ERRORS = {
  404: problem("No answer has this id, or it has expired.", "There is no such stream, or it has expired."),
  410: problem(
    "What comes next is not kept any more, its worker died while it had no reader, or it was just cancelled.",
    "This answer can no longer be continued from there.",
  ),
  500: CHAT_ERRORS[500],
  503: CHAT_ERRORS[503],
};

/** How a request to continue an answer can fail. */
export const RESUME_ERRORS = {
  ...CANCEL_ERRORS,
  422: json("`Last-Event-ID` is not a whole number.", InputFaults, {
    detail: [
      {
        loc: ["header", "last-event-id"],
        msg: "Input should be a valid integer, unable to parse string as an integer",
        type: "int_parsing",
      },
    ],
  }),
  429: {
    ...problem("The answer has 64 readers already.", "Too many requests are waiting. Try again later."),
    headers: RETRY_AFTER,
  },
};

const Model = z.object({
  id: z.string(),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.string(),
});
const SIMULATED = {
  id: "simulated",
  object: "model",
  created: 1_767_225_600,
  owned_by: "tsunicorn",
} as const;

/** The answer of `GET /v1/models`. */
export const MODELS = json("They are.", z.object({ object: z.literal("list"), data: z.array(Model) }), {
  object: "list",
  data: [SIMULATED],
});

/** The answer of `GET /v1/models/{model}`. */
export const MODEL = json("It is there.", Model, SIMULATED);

const Health = z.object({ status: z.literal("ok") });

/** The answer of `/health` and `/livez`. */
export const HEALTHY = json("It is.", Health, { status: "ok" });

const Apps = z
  .array(z.object({ app: z.string(), workers: z.int() }))
  .meta({ description: "Each dirty app and how many ready workers it has." });

/** The answer of `/readyz` when every app has a worker. */
export const READY = json("It can.", z.object({ status: z.literal("ready"), apps: Apps }), {
  status: "ready",
  apps: [{ app: "chat-app:ChatApp", workers: 1 }],
});

/** The answer of `/readyz` when an app has no worker. */
export const NOT_READY = json("It cannot.", z.object({ status: z.literal("not ready"), apps: Apps }), {
  status: "not ready",
  apps: [{ app: "chat-app:ChatApp", workers: 0 }],
});
