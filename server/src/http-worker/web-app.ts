import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import { resolveAppFile } from "../config/app-spec.ts";
import { loadModule } from "../process/load-module.ts";
import { getLogger } from "../process/logger.ts";
import { joinWritesOf } from "./joined-response.ts";

/** The user's web app, whatever it was written with. */
export interface WebApp {
  /** Serves one request. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Connects what else the app listens to, such as WebSocket upgrades. */
  attach(server: Server): void;
  /** Frees what the app took. */
  close(): Promise<void>;
}

/** What this file uses of a Fastify instance. */
interface FastifyLike {
  ready(): PromiseLike<unknown>;
  routing(request: IncomingMessage, response: ServerResponse): void;
  close(): PromiseLike<unknown>;
  server: Server;
}

/** What this file uses of an app with `fetch`, such as Hono or h3. */
interface FetchLike {
  fetch(request: Request): Response | Promise<Response>;
}

/**
 * Loads the module and makes a web app of its default export, or of its export `app`.
 * @param path as in the setting `app`, relative to `chdir`.
 * @throws Error when the module cannot be loaded, or exports nothing that can serve.
 */
export async function loadWebApp(path: string): Promise<WebApp> {
  let exported: unknown[];
  try {
    const module = await loadModule(resolveAppFile(path, process.cwd()));
    exported = await Promise.all([module["default"], module["app"]]);
  } catch (error) {
    throw new Error(`The app ${path} cannot be loaded`, { cause: error });
  }
  // Not the first that is there: the default export of a CommonJS module is all of its exports.
  for (const app of exported) {
    if (isFastify(app)) return fromFastify(app);
    if (isFetch(app)) return fromFetch(app);
    if (typeof app === "function") return fromListener(app as RequestListener);
  }
  throw new Error(
    `The app ${path} exports nothing that can serve: its default export, or its export app, must be a Fastify instance, a (req, res) listener or an object with fetch(request).`,
  );
}

async function fromFastify(app: FastifyLike): Promise<WebApp> {
  await app.ready();
  return {
    handle: app.routing,
    // Plugins listen on the instance's own server, which never listens itself. Where none does, Node must not
    // think so: it would leave requests that offer an upgrade without any answer.
    attach: (server) => {
      if (app.server.listenerCount("upgrade") === 0) return;
      server.on("upgrade", (...event) => app.server.emit("upgrade", ...event));
    },
    close: async () => {
      await app.close();
    },
  };
}

async function fromFetch(app: FetchLike): Promise<WebApp> {
  const { patchGlobalRequest, toNodeHandler } = await import("srvx/node");
  // The requests that it gives are not Node's own. Without this `new Request(request)`, which middleware makes of
  // one whose body it has read, would fail.
  patchGlobalRequest();
  const handle = toNodeHandler(async (request) => {
    try {
      return await app.fetch(request);
    } catch (error) {
      // Nobody else would answer, and an exception would cost every other request its worker.
      getLogger().error(
        { err: error, requestId: request.headers.get("x-request-id") },
        "the app's fetch failed",
      );
      return new Response(null, { status: 500 });
    }
  }) as RequestListener;
  return { handle, attach: () => {}, close: async () => {} };
}

function fromListener(listener: RequestListener): WebApp {
  joinWritesOf(listener);
  return {
    handle: (request, response) => {
      const served: unknown = listener(request, response);
      if (served instanceof Promise) served.catch((error: unknown) => giveUp(error, request, response));
    },
    attach: () => {},
    close: async () => {},
  };
}

// Nobody else would answer: a client would wait for the rest until it gave up.
function giveUp(error: unknown, request: IncomingMessage, response: ServerResponse): void {
  const requestId = request.headers["x-request-id"];
  if (response.destroyed || response.writableFinished) {
    getLogger().debug({ err: error, requestId }, "the app failed after the end of its response");
    return;
  }
  getLogger().error({ err: error, requestId }, "the app's listener failed");
  if (response.headersSent) response.destroy();
  else response.writeHead(500).end();
}

function isFastify(value: unknown): value is FastifyLike {
  return has(value, "routing") && has(value, "ready") && has(value, "close");
}

function isFetch(value: unknown): value is FetchLike {
  return has(value, "fetch");
}

function has(value: unknown, method: string): boolean {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return typeof (value as Record<string, unknown>)[method] === "function";
}
