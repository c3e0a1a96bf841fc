import { z } from "zod";
import { INT_PARSING } from "./bad-input.ts";

/** What the path of a stream's routes holds. */
export const StreamParams = z.object({
  id: z
    .string()
    .meta({ description: "The answer's `X-Stream-Id`.", examples: ["str_9vK2bQm0yXwZr5tUeLh3Ag"] }),
});

// As many digits as a safe integer may have.
const WHOLE_NUMBER = /^-?\d{1,15}$/;

/** The headers of a request to continue an answer. The others are left as they are. */
export const ResumeHeaders = z.looseObject({
  "last-event-id": z
    .string()
    .refine((text) => WHOLE_NUMBER.test(text), { params: { type: INT_PARSING }, abort: true })
    .transform(Number)
    .pipe(z.number().min(0))
    .default(0)
    .meta({
      type: "integer",
      minimum: 0,
      description:
        "The `id` of the last event that the client has. Without it the answer comes from its first token.",
    }),
});
