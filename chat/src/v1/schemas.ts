import { z } from "zod";
import { UNICODE_CHECK, wellFormed } from "../schemas/chat.ts";
import { list } from "../schemas/list.ts";
import { schemaExcess } from "./schema-limits.ts";

/** The most messages, and parts of one, that a request may have. */
const MAX_MESSAGES = 2048;
const MAX_PARTS = 1024;
/** The most parts and tool calls that all messages may have together: one costs a microsecond. */
const MAX_PIECES = 20_000;
/** The most texts that one request may have embedded, as in OpenAI's API. */
const MAX_INPUTS = 2048;
/** As in OpenAI's API. */
const MAX_STOPS = 4;
/** The most characters of one. What may be the beginning of a stop text is held back. */
const MAX_STOP_LENGTH = 1000;
const MAX_TOOLS = 128;
/** Levels of objects and lists in tools, their calls and JSON schemas. */
const MAX_DEPTH = 50;

const NO_TOKEN_IDS = "send text: token ids are not taken";

function text() {
  return z.string().refine(wellFormed, UNICODE_CHECK);
}

/** What a model reads as it is. A value that crosses to it may be 64 levels deep, with what is around it. */
function free<S extends z.ZodRawShape>(shape: S) {
  const fault = `it is nested more than ${MAX_DEPTH} levels deep`;
  return z.looseObject(shape).refine((value) => isWithin(value, MAX_DEPTH), fault);
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isWithin(inner, levels - 1));
}

// Parts of other kinds reach an upstream as they are; other models take none.
const Part = z
  .looseObject({
    type: z.string().meta({ description: "`text`; others, such as `image_url`, where an upstream answers." }),
    text: text().optional(),
  })
  .check(({ value, issues }) => {
    if (issues.length > 0 || value.type !== "text" || value.text !== undefined) return;
    issues.push({ code: "invalid_type", expected: "string", input: undefined, path: ["text"] });
  });

const Content = z.union([text(), list(Part, { max: MAX_PARTS })]);

/** A message of a chat completion. What it does not name reaches an upstream, and no other model. */
export const ChatMessage = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: Content.nullish().meta({ description: "Text, or a list of parts." }),
  tool_calls: list(free({}), { max: MAX_TOOLS }).nullish(),
  tool_call_id: z.string().nullish(),
});

/** A message of a chat completion as it was sent. */
export type ChatMessageInput = z.output<typeof ChatMessage>;

function tooManyPieces(messages: readonly unknown[]): string | undefined {
  let pieces = 0;
  for (const message of messages) {
    if (typeof message !== "object" || message === null) continue;
    if ("content" in message && Array.isArray(message.content)) pieces += message.content.length;
    if ("tool_calls" in message && Array.isArray(message.tool_calls)) pieces += message.tool_calls.length;
  }
  if (pieces <= MAX_PIECES) return undefined;
  return `the messages have more than ${MAX_PIECES} parts and tool calls together`;
}

const Model = z
  .string()
  .nullish()
  .meta({ description: "One of `GET /v1/models`. Default: the first of them." });

const tokens = () => z.int().min(1).nullish();

function penalty(when: string) {
  const description = `Comes off the logit of each token that the answer has already, ${when}. The simulated model recites, and ignores it.`;
  return z.number().min(-2).max(2).nullish().meta({ description });
}

const StopText = text().min(1).max(MAX_STOP_LENGTH);

const Sampling = z.object({
  model: Model,
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish() })
    .nullish()
    .meta({ description: "Only with `stream`: whether usage comes at the end." }),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: penalty("for each time"),
  presence_penalty: penalty("once"),
  // Of 64 bits as in OpenAI's API, where z.int() takes 53. What JSON has beyond those is rounded.
  seed: z
    .number()
    .min(-(2 ** 63))
    .max(2 ** 63)
    .refine(Number.isInteger, "it must be a whole number")
    .nullish(),
  stop: z
    .union([StopText, list(StopText, { max: MAX_STOPS })])
    .nullish()
    .meta({ description: "The answer ends before the first of these." }),
  n: z.literal(1, "this server makes one choice for each request, so n must be 1").nullish(),
});

/** What `POST /v1/completions` and `POST /v1/chat/completions` have in common. */
export type SamplingInput = z.output<typeof Sampling>;

const JsonSchema = free({}).check(({ value, issues }) => {
  const message = issues.length === 0 ? schemaExcess(value) : undefined;
  if (message !== undefined) issues.push({ code: "custom", input: value, message });
});

const Tool = free({ type: z.string() }).check(({ value, issues }) => {
  const { function: called } = value;
  if (issues.length > 0 || typeof called !== "object" || called === null || !("parameters" in called)) return;
  const message = schemaExcess(called.parameters);
  if (message === undefined) return;
  issues.push({ code: "custom", input: called.parameters, path: ["function", "parameters"], message });
});

const ResponseFormat = z.discriminatedUnion(
  "type",
  [
    z.looseObject({ type: z.enum(["text", "json_object"]) }),
    z.looseObject({
      type: z.literal("json_schema"),
      json_schema: z.looseObject({ schema: JsonSchema.nullish(), strict: z.boolean().nullish() }),
    }),
  ],
  "it must be 'text', 'json_object' or 'json_schema'",
);

/** The body of `POST /v1/chat/completions`. Fields that it does not name reach an upstream, and no other model. */
export const ChatCompletionRequest = Sampling.extend({
  messages: list(ChatMessage, { min: 1, max: MAX_MESSAGES, excess: tooManyPieces }),
  max_completion_tokens: tokens(),
  max_tokens: tokens().meta({ description: "The older name of `max_completion_tokens`." }),
  logprobs: z.literal(false, "log probabilities are not supported").nullish(),
  reasoning_effort: z
    .string()
    .nullish()
    .meta({ description: "Anything but `none` asks for a thinking phase, sent as `reasoning_content`." }),
  thinking: z
    .union([z.boolean(), free({ type: z.string() })])
    .nullish()
    .meta({
      description:
        "The same, as on `/chat`, or as `{type}` where anything but `disabled` asks for it. It wins over `reasoning_effort`.",
    }),
  response_format: ResponseFormat.nullish().meta({ description: "Only where the model has it." }),
  tools: list(Tool, { max: MAX_TOOLS }).nullish().meta({ description: "Only where the model has them." }),
  tool_choice: z.union([z.string(), free({})]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
})
  .loose()
  .meta({
    examples: [{ model: "simulated", messages: [{ role: "user", content: "hello" }], stream: true }],
  });

/** The body of `POST /v1/completions`. Fields that it does not name reach an upstream, and no other model. */
export const CompletionRequest = Sampling.extend({
  prompt: z.union([
    text(),
    z
      .array(z.unknown())
      .refine(({ length }) => length === 1, "this server completes one prompt for each request")
      .pipe(list(text(), { max: 1 }))
      .meta({ description: "A list of one.", items: { type: "string" }, minItems: 1, maxItems: 1 }),
  ]),
  max_tokens: tokens(),
  echo: z.literal(false, "echo is not supported").nullish(),
  suffix: z.literal("", "suffix is not supported").nullish(),
  best_of: z.literal(1, "best_of must be 1").nullish(),
  logprobs: z.literal(null, "log probabilities are not supported").optional(),
})
  .loose()
  .meta({ examples: [{ model: "simulated", prompt: "hello" }] });

/** The body of `POST /v1/embeddings`. Fields that it does not name are ignored. */
export const EmbeddingRequest = z
  .object({
    model: Model,
    input: z.union([text().min(1), list(text().min(1), { min: 1, max: MAX_INPUTS })]).meta({
      description: `A text, or up to ${MAX_INPUTS} of them; ${NO_TOKEN_IDS}.`,
    }),
    encoding_format: z.enum(["float", "base64"]).nullish(),
    dimensions: z.literal(null, "the number of dimensions is the model's own").optional(),
  })
  .meta({ examples: [{ model: "my-embedder", input: "hello" }] });
