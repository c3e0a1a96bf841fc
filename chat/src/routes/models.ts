import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { ModelCatalog } from "../models/catalog.ts";
import { MODELS } from "../schemas/responses.ts";

// Nobody knows when a model was made; clients only ask for a number that stays the same, whichever worker they reach.
const CREATED = Date.UTC(2026, 0, 1) / 1000;

/** `GET /v1/models`: the models that can be asked for, in OpenAI's form. */
export function modelRoutes({ names }: ModelCatalog): (scope: FastifyInstance) => Promise<void> {
  const data = names.map((id) => ({
    id,
    object: "model" as const,
    created: CREATED,
    owned_by: "tsunicorn",
  }));
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().get(
      "/v1/models",
      {
        schema: {
          tags: ["models"],
          summary: "The models that can be asked for",
          description: "In OpenAI's form. The first one answers where none is asked for by its name.",
          response: { 200: MODELS },
        },
      },
      () => ({ object: "list" as const, data }),
    );
  };
}
