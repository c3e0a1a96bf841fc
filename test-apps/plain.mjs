/** Serves an app without Tsunicorn, on plain `node:http` and a port that the kernel picks: node plain.mjs FILE. */
import { createServer, Server } from "node:http";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { getRequestListener } from "@hono/node-server";
import { toNodeHandler } from "h3";

const [file = ""] = process.argv.slice(2);
const module = await import(pathToFileURL(resolve(file)).href);
const app = await (module.default ?? module.server);
const server = app instanceof Server ? app : createServer(await listenerOf(app));
if (module.upgrade !== undefined) server.on("upgrade", module.upgrade);
server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));

/** As each framework's own documentation says. */
async function listenerOf(app) {
  if (typeof app.callback === "function") return app.callback();
  if (typeof app.getHttpAdapter === "function") {
    await app.init();
    return app.getHttpAdapter().getInstance();
  }
  if (typeof app.fetch !== "function") return app;
  return file.includes("h3") ? toNodeHandler(app) : getRequestListener(app.fetch);
}
