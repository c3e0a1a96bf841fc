import type { FastifySchemaCompiler, FastifySerializerCompiler, FastifyServerOptions } from "fastify";
import { core, safeParse } from "zod";
import { BadInputError, toInputFault, UnreadableBody } from "../schemas/bad-input.ts";

const validate: FastifySchemaCompiler<unknown> = ({ schema, method, url }) => {
  if (!(schema instanceof core.$ZodType))
    throw new TypeError(`the schema of ${method} ${url} is none of zod's`);
  return (data: unknown) => {
    if (data instanceof UnreadableBody) return { error: new BadInputError([data.fault]) };
    const result = safeParse(schema, data, { reportInput: true });
    if (result.success) return { value: result.data };
    return { error: new BadInputError(result.error.issues.map(toInputFault)) };
  };
};

// The types of replies are checked when this is compiled. At run time their schemas are documentation, and
// those that a plugin brings in another language do no harm.
const serialize: FastifySerializerCompiler<unknown> = () => JSON.stringify;

/**
 * Makes routes take zod schemas: a body that does not fit is a {@link BadInputError}.
 *
 * Given to Fastify when it is made, because it else loads ajv into every worker, used or not: a third of the
 * time that it takes to start.
 */
export const zodSchemas: NonNullable<FastifyServerOptions["schemaController"]> = {
  compilersFactory: { buildValidator: () => validate, buildSerializer: () => serialize },
};
