import { type IncomingMessage, type RequestListener, type Server, ServerResponse } from "node:http";
import { Server as NetServer } from "node:net";
import type { ServerRequest } from "srvx";
import { resolveAppFile } from "../config/app-spec.ts";
import { deadline } from "../process/deadline.ts";
import { loadModule } from "../process/load-module.ts";
import { getLogger } from "../process/logger.ts";
import { type AppExports, readAppExports } from "./app-exports.ts";
import {
  type FastifyLike,
  type FetchLike,
  isFastify,
  isFetch,
  isKoa,
  isListener,
  isNest,
  type NestLike,
} from "./app-kinds.ts";
import { joinWritesOf } from "./joined-response.ts";
import { ListenWatch } from "./listen-watch.ts";
import { refuseOwnListening, reportLateListening } from "./own-listening.ts";
import { passUpgrades } from "./upgrades.ts";

/** ms after which the log says that the app still loads. */
const SLOW_LOAD_MS = 5000;
/** ms that an app may take to load: what takes longer is waiting for something that does not come. */
const LOAD_LIMIT_MS = 55_000;

/** The user's web app, whatever it was written with. */
export interface WebApp {
  /** Serves one request. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Connects what else the app listens to: WebSocket upgrades. */
  attach(server: Server): void;
  /** Frees what the app took; undefined where the app has nothing of the kind. */
  readonly close: (() => Promise<void>) | undefined;
  /** What its requests are served by, by which a server of the user's is known to be its own. */
  readonly own: readonly unknown[];
}

/** How a web app is loaded. */
export interface LoadOptions {
  /** Number of HTTP workers that load it. Default: 1. */
  readonly workers?: number;
  /** ms that it may take. Default: 55,000. */
  readonly limitMs?: number;
}

/** Its app did not load in time; another try would wait as long. */
export class LoadTimeoutError extends Error {
  override readonly name = "LoadTimeoutError";
}

/**
 * Loads the module and makes a web app of its default export, or of its export `app` or `server`.
 * @param path as in the setting `app`, relative to `chdir`.
 * @throws {LoadTimeoutError} when it takes too long.
 * @throws Error when the module cannot be loaded, exports nothing that can serve, or listens itself.
 */
export async function loadWebApp(
  path: string,
  { workers = 1, limitMs = LOAD_LIMIT_MS }: LoadOptions = {},
): Promise<WebApp> {
  const watch = new ListenWatch();
  const exports = await loadInTime(path, limitMs, watch);
  const app = await webAppOf(path, exports);
  await watch.whenSettled();
  refuseOwnListening(path, watch.servers, app.own, workers);
  watch.onLater((server) => reportLateListening(path, server, app.own));
  return app;
}

async function loadInTime(path: string, limitMs: number, watch: ListenWatch): Promise<AppExports> {
  const stuck = `its module, or a promise that it exports, has not settled`;
  const listens = () => {
    const [own] = watch.servers;
    return own === undefined ? "" : `; it listens on ${own.address} itself, which it must not`;
  };
  const slow = setTimeout(() => {
    getLogger().warn(`the app ${path} still loads after ${SLOW_LOAD_MS / 1000} s: ${stuck}${listens()}`);
  }, SLOW_LOAD_MS);
  try {
    return await deadline(limitMs, load(path), () => {
      throw new LoadTimeoutError(
        `The app ${path} has not loaded within ${limitMs / 1000} s: ${stuck}${listens()}. Export the app itself, and let nothing that it awaits take for ever.`,
      );
    });
  } finally {
    clearTimeout(slow);
  }
}

async function load(path: string): Promise<AppExports> {
  try {
    return await readAppExports(await loadModule(resolveAppFile(path, process.cwd())));
  } catch (error) {
    throw new Error(`The app ${path} cannot be loaded`, { cause: error });
  }
}

async function webAppOf(path: string, exports: AppExports): Promise<WebApp> {
  const { candidates, server } = exports;
  for (const app of candidates) {
    if (isFastify(app)) return withExports(await fromFastify(app), exports);
    if (isNest(app)) return withExports(await fromNest(app), exports);
  }
  const app = await requestsOf(candidates);
  if (server !== undefined) return withExports(fromServer(server, app), exports);
  if (app !== undefined) return withExports(app, exports);
  throw new Error(
    `The app ${path} exports nothing that can serve${whatItIs(candidates)}: its default export, or its export app or server, must be a Fastify instance, a Nest or Koa app, a (req, res) listener, an object with fetch(request) or an http.Server. An app that calls listen() itself must export what it listens with instead: Tsunicorn has the sockets.`,
  );
}

/** The app that serves requests by itself, without a server. */
async function requestsOf(candidates: readonly unknown[]): Promise<WebApp | undefined> {
  // Not the first that is there: the default export of a CommonJS module is all of its exports.
  for (const app of candidates) {
    if (isFetch(app)) return fromFetch(app);
    if (isKoa(app)) return { ...fromListener(app.callback()), own: [app] };
    if (isListener(app)) return fromListener(app);
  }
  return undefined;
}

/** Adds the functions that the module exports beside its app. */
function withExports(app: WebApp, { upgrade, close }: AppExports): WebApp {
  return {
    ...app,
    attach: (server) => {
      app.attach(server);
      if (upgrade === undefined) return;
      server.on("upgrade", (request, socket, head) => {
        const failed = (error: unknown): void => {
          getLogger().error({ err: error }, "the app's upgrade failed");
          socket.destroy();
        };
        try {
          Promise.resolve(upgrade(request, socket, head)).catch(failed);
        } catch (error) {
          failed(error);
        }
      });
    },
    close:
      close === undefined && app.close === undefined
        ? undefined
        : async () => {
            try {
              await app.close?.();
            } finally {
              await close?.();
            }
          },
  };
}

async function fromFastify(app: FastifyLike): Promise<WebApp> {
  await app.ready();
  return {
    handle: app.routing,
    // Plugins listen on the instance's own server, which never listens itself.
    attach: (server) => passUpgrades(server, app.server),
    close: async () => {
      await app.close();
    },
    own: [app.server],
  };
}

async function fromNest(app: NestLike): Promise<WebApp> {
  await app.init();
  const instance = app.getHttpAdapter?.().getInstance?.();
  if (isFastify(instance)) await instance.ready();
  return {
    ...fromServer(app.getHttpServer(), undefined),
    close: async () => {
      await app.close();
    },
  };
}

/**
 * What listens to `request` and `upgrade` of the user's server gets those of ours. It never listens itself.
 * @param rest serves while its requests have no listener.
 */
function fromServer(server: Server, rest: WebApp | undefined): WebApp {
  for (const listener of server.listeners("request")) joinWritesOf(listener);
  return {
    handle: (request, response) => {
      const listeners = server.rawListeners("request");
      for (const listener of listeners) serve(listener as RequestListener, request, response, server);
      if (listeners.length > 0) return;
      if (rest !== undefined) rest.handle(request, response);
      // What WebSocket servers answer that have a port of their own.
      else response.writeHead(426, { upgrade: "websocket" }).end();
    },
    attach: (ours) => passUpgrades(ours, server),
    // As Node tells it: what listens to "close", as socket.io and ws do, lets its connections go.
    close: () => new Promise((resolve) => server.close(() => resolve())),
    own: [server, ...server.listeners("request"), ...(rest?.own ?? [])],
  };
}

async function fromFetch(app: FetchLike): Promise<WebApp> {
  const { patchGlobalRequest, toNodeHandler } = await import("srvx/node");
  // The requests that it gives are not Node's own. Without this `new Request(request)`, which middleware makes of
  // one whose body it has read, would fail.
  patchGlobalRequest();
  const handle = toNodeHandler(async (request: ServerRequest) => {
    const { req: incoming, res: outgoing } = request.runtime?.node ?? {};
    try {
      const response = await app.fetch(request, { incoming, outgoing });
      if (response?.headers?.has(ALREADY_SENT)) await ended(outgoing);
      return response;
    } catch (error) {
      // There would be no answer, and an exception would cost every other request its worker.
      getLogger().error(
        { err: error, requestId: request.headers.get("x-request-id") },
        "the app's fetch failed",
      );
      return new Response(null, { status: 500 });
    }
  }) as RequestListener;
  return { handle, attach: () => {}, close: undefined, own: [app] };
}

/** How a response says that the app writes it itself, to `outgoing`: `RESPONSE_ALREADY_SENT` of Hono's for Node. */
const ALREADY_SENT = "x-hono-already-sent";

// What is returned before its end would be ended with it.
async function ended(response: unknown): Promise<void> {
  if (!(response instanceof ServerResponse) || response.writableEnded || response.destroyed) return;
  await new Promise((resolve) => response.once("close", resolve));
}

function fromListener(listener: RequestListener): WebApp {
  joinWritesOf(listener);
  return {
    handle: (request, response) => serve(listener, request, response),
    attach: () => {},
    close: undefined,
    own: [listener],
  };
}

/** @param server what the listener is called on. Default: nothing. */
function serve(
  listener: RequestListener,
  request: IncomingMessage,
  response: ServerResponse,
  server?: Server,
): void {
  // Not by a method of the listener's: to an Express app `bind` is a method of HTTP, as `get` is.
  const served: unknown = Function.prototype.call.call(listener, server, request, response);
  if (served instanceof Promise) served.catch((error: unknown) => giveUp(error, request, response));
}

// There would be no answer: a client would wait for the rest until it gave up.
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

/** What was exported instead, where that says more than that it cannot serve. */
function whatItIs(candidates: readonly unknown[]): string {
  const [value] = candidates;
  if (value instanceof NetServer) return ", but a server that speaks TLS, HTTP/2 or no HTTP at all";
  if (typeof value === "function") return `; the class ${value.name} cannot, but an instance of it may`;
  return "";
}
