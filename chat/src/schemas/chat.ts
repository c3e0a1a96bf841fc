import { z } from "zod";
import { STRING_UNICODE } from "./bad-input.ts";

/** The most bytes that the body of a request may have. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** The most characters (UTF-16 code units) that a prompt may have. */
export const MAX_PROMPT_LENGTH = 100_000;

const LONE_SURROGATE = /\p{Surrogate}/u;

const Question = z.object({
  prompt: z
    .string()
    .min(1)
    .max(MAX_PROMPT_LENGTH)
    // Such a string cannot be encoded as UTF-8, so it could not reach the model as it is.
    .refine((prompt) => !LONE_SURROGATE.test(prompt), { params: { type: STRING_UNICODE } })
    .meta({ description: "What to say to the model." }),
  thinking: z
    .boolean()
    .default(false)
    .meta({ description: "Whether the answer begins with a visible thinking phase." }),
});

const EXAMPLE = { prompt: "hello", thinking: false };

/** The body of `POST /chat`. Fields that it does not name are ignored. */
export const ChatRequest = Question.extend({
  resumable: z.boolean().default(false).meta({
    description:
      "Whether the answer outlives its connection, so that the client can come back for the rest of it.",
  }),
}).meta({ examples: [EXAMPLE] });

/** The body of `POST /chat/sync`. Fields that it does not name are ignored. */
export const SyncRequest = Question.extend({
  // Ignored, it would promise what an answer in one piece cannot keep.
  resumable: z
    .literal(false, "Value error, an answer in one piece cannot be resumed: use POST /chat")
    .default(false)
    .meta({ description: "An answer in one piece cannot be resumed." }),
}).meta({ examples: [EXAMPLE] });

/** The answer of `POST /chat/sync`. */
export const ChatResponse = z.object({ response: z.string().meta({ description: "The whole answer." }) });
