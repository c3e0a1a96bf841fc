import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";
import { sendFile } from "../plugins/folder.ts";

// The same from src/routes and from dist/routes.
const PAGE = fileURLToPath(new URL("../../../web/dist/", import.meta.url));

const NOT_BUILT = "The chat page is not built: run `npm run build`.";

/** Serves the chat page and its files: `/`, the files beside it, and `/assets/`. */
export async function pageRoutes(app: FastifyInstance): Promise<void> {
  const hidden = { schema: { hide: true } };

  app.get("/", hidden, async (_request, reply) => {
    const found = await sendFile(reply, PAGE, "index.html", "always ask");
    return found ? reply : reply.code(404).send({ detail: NOT_BUILT });
  });
  app.get<{ Params: { file: string } }>("/:file(^[\\w-]+\\.\\w+$)", hidden, async (request, reply) => {
    const found = await sendFile(reply, PAGE, request.params.file, "always ask");
    return found ? reply : reply.callNotFound();
  });
  // Vite names these after their content, so a changed file has another name.
  app.get<{ Params: { file: string } }>("/assets/:file", hidden, async (request, reply) => {
    const found = await sendFile(reply, `${PAGE}assets`, request.params.file, "for ever");
    return found ? reply : reply.callNotFound();
  });
}
