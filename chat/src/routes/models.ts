import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import type { ModelCatalog } from "../models/catalog.ts";
import { MODEL, MODELS } from "../schemas/responses.ts";
import { modelNotFound } from "../v1/model-client.ts";
import { MODEL_ERRORS } from "../v1/responses.ts";

// When a model was made is not known; clients only ask for a number that stays the same, whichever worker they reach.
const CREATED = Date.UTC(2026, 0, 1) / 1000;

/** `GET /v1/models`: the models that can be asked for, in OpenAI's form. `GET /v1/models/{model}`: one of them. */
export function modelRoutes({ names }: ModelCatalog): (scope: FastifyInstance) => Promise<void> {
  const data = names.map((id) => ({
    id,
    object: "model" as const,
    created: CREATED,
    owned_by: "tsunicorn",
  }));
  const find = (name: string) => {
    const model = data.find(({ id }) => id === name);
    if (model === undefined) throw modelNotFound(name);
    return model;
  };
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>();
    app.get(
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
    app.get(
      "/v1/models/:model",
      {
        schema: {
          tags: ["models"],
          summary: "One of the models",
          params: z.object({ model: z.string() }),
          response: { 200: MODEL, 404: MODEL_ERRORS[404] },
        },
      },
      ({ params }) => find(params.model),
    );
    // A name may have slashes, and not every client encodes them.
    app.get("/v1/models/*", { schema: { hide: true, params: z.object({ "*": z.string() }) } }, ({ params }) =>
      find(params["*"]),
    );
  };
}
