import { z } from "zod";
import { STRING_UNICODE } from "./bad-input.ts";
import { list } from "./list.ts";

/** The most characters (UTF-16 code units) that a prompt may have. */
export const MAX_PROMPT_LENGTH = 100_000;

/** The most messages that may come before a prompt. */
export const MAX_MESSAGES = 200;

/** Whether a string can be encoded as UTF-8. Otherwise it could not reach the model as it is. */
export function wellFormed(value: string): boolean {
  return value.isWellFormed();
}

/** What {@link wellFormed} is checked with. */
export const UNICODE_CHECK = { params: { type: STRING_UNICODE } };

function text({ min }: { min: number }) {
  return z.string().min(min).max(MAX_PROMPT_LENGTH).refine(wellFormed, UNICODE_CHECK);
}

const Message = z.object({
  role: z.enum(["user", "assistant", "system"]).meta({ description: "Who said it." }),
  content: text({ min: 0 }).meta({ description: "What was said." }),
});

const History = list(Message, { max: MAX_MESSAGES }).meta({
  description: "What was said in this conversation before the prompt, oldest first. A model may use it.",
  examples: [
    [
      { role: "user", content: "hello" },
      { role: "assistant", content: "Hello! I'm a simulated AI assistant…" },
    ],
  ],
});

const Question = z.object({
  prompt: text({ min: 1 }).meta({ description: "What to say to the model." }),
  messages: History.optional(),
  thinking: z
    .boolean()
    .default(false)
    .meta({ description: "Whether the answer begins with a visible thinking phase." }),
});

const EXAMPLE = { prompt: "hello", thinking: false };

function questionTo(models: readonly string[]) {
  return Question.extend({
    model: z
      .enum(models)
      .optional()
      .meta({ description: `The model that answers: one of \`GET /v1/models\`. Default: \`${models[0]}\`.` }),
  });
}

/**
 * The body of `POST /chat`. Fields that it does not name are ignored.
 *
 * @param models the names of the models, the default first.
 */
export function chatRequest(models: readonly string[]) {
  return questionTo(models)
    .extend({
      resumable: z.boolean().default(false).meta({
        description:
          "Whether the answer outlives its connection, so that the client can come back for the rest of it.",
      }),
    })
    .meta({ examples: [EXAMPLE] });
}

/** The body of `POST /chat/sync`, as {@link chatRequest}. */
export function syncRequest(models: readonly string[]) {
  return questionTo(models)
    .extend({
      // Ignored, it would promise what an answer in one piece cannot keep.
      resumable: z
        .literal(false, "Value error, an answer in one piece cannot be resumed: use POST /chat")
        .default(false)
        .meta({ description: "An answer in one piece cannot be resumed." }),
    })
    .meta({ examples: [EXAMPLE] });
}

/** The answer of `POST /chat/sync`. */
export const ChatResponse = z.object({ response: z.string().meta({ description: "The whole answer." }) });
