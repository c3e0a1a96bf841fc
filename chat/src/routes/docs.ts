import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { FastifyInstance } from "fastify";
import { sendFile } from "../plugins/folder.ts";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tsunicorn chat: API</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
`;

/**
 * `/openapi.json`, and `/docs`, which shows it with Swagger UI. Of its package only the files for the browser
 * are used, from disk: as a plugin it would cost each worker memory and time at the start.
 */
export async function docsRoutes(app: FastifyInstance): Promise<void> {
  const folder = join(dirname(createRequire(import.meta.url).resolve("@fastify/swagger-ui")), "static");
  const hidden = { schema: { hide: true } };

  app.get("/openapi.json", hidden, async () => app.swagger());
  app.get("/docs", hidden, async (_request, reply) => reply.type("text/html; charset=utf-8").send(PAGE));
  app.get("/docs/start.js", hidden, async (_request, reply) =>
    reply.type("text/javascript; charset=utf-8").send(START),
  );
  app.get<{ Params: { file: string } }>("/docs/:file", hidden, async (request, reply) => {
    const found = await sendFile(reply, folder, request.params.file, "always ask");
    return found ? reply : reply.callNotFound();
  });
}
