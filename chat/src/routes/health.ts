import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { getDirtyClient } from "tsunicorn";
import { HEALTHY, NOT_READY, READY } from "../schemas/responses.ts";

/** `/health` and `/livez`: this HTTP worker answers. `/readyz`: the chat can answer too. */
export async function healthRoutes(scope: FastifyInstance): Promise<void> {
  const app = scope.withTypeProvider<ZodTypeProvider>();
  for (const [url, summary] of [
    ["/health", "Health check"],
    ["/livez", "Whether the server answers"],
  ] as const) {
    app.get(url, { schema: { tags: ["health"], summary, response: { 200: HEALTHY } } }, () => ({
      status: "ok" as const,
    }));
  }

  app.get(
    "/readyz",
    {
      schema: {
        tags: ["health"],
        summary: "Whether the chat can answer",
        description: "Ready means that every dirty app has at least one worker that is ready.",
        response: { 200: READY, 503: NOT_READY },
      },
    },
    async (_request, reply) => {
      const { ready, apps } = getDirtyClient().status();
      if (ready) return { status: "ready" as const, apps };
      return reply.code(503).send({ status: "not ready", apps });
    },
  );
}
