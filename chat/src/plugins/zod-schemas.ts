import type { FastifyInstance } from "fastify";
import { type core, safeParse } from "zod";
import { BadInputError, toInputFault, UnreadableBody } from "../schemas/bad-input.ts";

/** Makes the routes of a scope take zod schemas: a body that does not fit is a {@link BadInputError}. */
export function zodSchemas(scope: FastifyInstance): void {
  scope.setValidatorCompiler<core.$ZodType>(({ schema }) => (data: unknown) => {
    if (data instanceof UnreadableBody) return { error: new BadInputError([data.fault]) };
    const result = safeParse(schema, data, { reportInput: true });
    if (result.success) return { value: result.data };
    return { error: new BadInputError(result.error.issues.map(toInputFault)) };
  });
  // The types of replies are checked when this is compiled. At run time their schemas are documentation.
  scope.setSerializerCompiler(() => JSON.stringify);
}
