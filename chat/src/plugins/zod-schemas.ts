import type { FastifyInstance } from "fastify";
import { type core, safeParse } from "zod";
import { BadInputError, toInputFault, UnreadableBody } from "../schemas/bad-input.ts";

/**
 * Given to Fastify when it is made, in the place of its own compilers: those would load ajv into every worker,
 * used or not, which costs 4 MB and some 50 ms of its start.
 */
export const NO_OTHER_SCHEMAS = {
  compilersFactory: {
    buildValidator: () => {
      throw new Error("a route's schema was not made with zod");
    },
    buildSerializer: () => () => JSON.stringify,
  },
};

const PARTS = { headers: "header", params: "path" } as const;

/** Makes an app's routes take zod schemas: a request that does not fit is a {@link BadInputError}. */
export function zodSchemas(app: FastifyInstance): void {
  app.setValidatorCompiler<core.$ZodType>(({ schema, httpPart }) => (data: unknown) => {
    if (data instanceof UnreadableBody) return { error: new BadInputError([data.fault]) };
    const result = safeParse(schema, data, { reportInput: true });
    if (result.success) return { value: result.data };
    const part = httpPart === "headers" || httpPart === "params" ? PARTS[httpPart] : "body";
    return { error: new BadInputError(result.error.issues.map((issue) => toInputFault(issue, part))) };
  });
  // The types of replies are checked when this is compiled. At run time their schemas are documentation, so
  // those that a plugin brings in another language do no harm.
  app.setSerializerCompiler(() => JSON.stringify);
}
