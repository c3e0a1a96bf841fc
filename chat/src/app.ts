import { randomUUID } from "node:crypto";
import Fastify, { type FastifyInstance } from "fastify";
import type { BodyLimits } from "./body-limits.ts";
import type { ModelCatalog } from "./models/catalog.ts";
import { BodyRoom } from "./plugins/body-room.ts";
import { errorReplies, replyToError } from "./plugins/error-replies.ts";
import { openapi } from "./plugins/openapi.ts";
import { security } from "./plugins/security.ts";
import { NO_OTHER_SCHEMAS, zodSchemas } from "./plugins/zod-schemas.ts";
import { chatRoutes } from "./routes/chat.ts";
import { docsRoutes } from "./routes/docs.ts";
import { healthRoutes } from "./routes/health.ts";
import { modelRoutes } from "./routes/models.ts";
import { pageRoutes } from "./routes/page.ts";
import { streamRoutes } from "./routes/streams.ts";
import { v1Headers } from "./v1/errors.ts";
import { openaiRoutes } from "./v1/routes.ts";

/** Builds the chat's web app for these models and bodies of at most these sizes; the server starts it. */
export function buildApp(models: ModelCatalog, limits: BodyLimits): FastifyInstance {
  const app = Fastify({
    schemaController: NO_OTHER_SCHEMAS,
    // The server logs requests itself, and gives each an id.
    logger: false,
    genReqId: ({ headers }) => {
      const id = headers["x-request-id"];
      return typeof id === "string" ? id : randomUUID();
    },
    frameworkErrors: (error, request, reply) => replyToError(error, request, reply),
  });
  zodSchemas(app);
  errorReplies(app);
  v1Headers(app);
  openapi(app);

  // Only the chat's routes read bodies. What is sent to any other is left unread.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _body, done) => done(null));

  const room = new BodyRoom(limits.inAll);
  app.register(chatRoutes(models, limits.chat, room));
  app.register(streamRoutes);
  app.register(openaiRoutes(models, limits.v1, room));
  app.register(modelRoutes(models));
  app.register(healthRoutes);
  app.register(async (page) => {
    security(page);
    page.register(pageRoutes);
  });
  app.register(async (docs) => {
    // Swagger UI has its icons inside its styles.
    security(docs, ["data:"]);
    docs.register(docsRoutes);
  });
  return app;
}
