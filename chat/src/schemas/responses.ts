import { z } from "zod";
import { DONE_EVENT, errorEvent, tokenEvent } from "../sse.ts";
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

const TOKENS = ["Hello", "!", " ", "I'm"].map(tokenEvent).join("");

/** The answer of `POST /chat`. */
export const CHAT_EVENTS = {
  description: "The answer as it is made.",
  content: {
    "text/event-stream": {
      schema: z.string(),
      examples: {
        answer: { summary: "An answer", value: TOKENS + DONE_EVENT },
        failure: {
          summary: "A failure in mid-stream",
          value: TOKENS + errorEvent({ type: "timeout", message: "The answer took too long." }),
        },
      },
    },
  },
};

/** The answer of `POST /chat/sync`. */
export const CHAT_ANSWER = json("The whole answer.", ChatResponse, {
  response: "Hello! I'm a simulated AI assistant...",
});

/** How a chat request can fail: one entry per status. */
export const CHAT_ERRORS = {
  413: problem("The body is larger than 1 MiB.", "Request body is larger than 1 MiB"),
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
  503: {
    ...problem(
      "No dirty worker is available, the request waited for too long, or the server is shutting down.",
      "The model is not available. Try again later.",
    ),
    headers: RETRY_AFTER,
  },
  504: problem("The answer took longer than `dirtyTimeout`.", "The answer took too long."),
};

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
