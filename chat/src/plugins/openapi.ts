import { readFileSync } from "node:fs";
import swagger, { type SwaggerTransform } from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform } from "fastify-type-provider-zod";
import { z } from "zod";

const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")));

const DESCRIPTION =
  "A streaming chat on Tsunicorn. Answers are made in dirty workers, and stream token by token.";

/** Collects the routes that are added after it into an OpenAPI document: `app.swagger()` returns it. */
export function openapi(app: FastifyInstance): void {
  app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Tsunicorn chat", description: DESCRIPTION, version },
      tags: [
        { name: "chat", description: "Ask and be answered." },
        { name: "openai", description: "What the clients of OpenAI's API speak." },
        { name: "models", description: "What there is to ask." },
        { name: "health", description: "For load balancers and supervisors." },
      ],
    },
    transform: describe,
  });
}

// What a route says of a response beside its schema, all of which the transform for zod leaves out.
const Responses = z.record(
  z.string(),
  z.looseObject({
    headers: z.record(z.string(), z.unknown()).optional(),
    content: z
      .record(z.string(), z.looseObject({ examples: z.record(z.string(), z.unknown()).optional() }))
      .optional(),
  }),
);

/** The transform for zod, with the headers and examples of responses kept. */
const describe: SwaggerTransform = (document) => {
  const { schema, url } = jsonSchemaTransform(document);
  const said = Responses.safeParse(document.schema?.response);
  const made = Responses.safeParse(schema?.response);
  if (!said.success || !made.success) return { schema, url };
  for (const [status, { headers, content = {} }] of Object.entries(said.data)) {
    const response = made.data[status];
    if (response === undefined) continue;
    if (headers !== undefined) response.headers = headers;
    for (const [type, { examples }] of Object.entries(content)) {
      const media = response.content?.[type];
      if (media !== undefined && examples !== undefined) media.examples = examples;
    }
  }
  return { schema: { ...schema, response: made.data }, url };
};
