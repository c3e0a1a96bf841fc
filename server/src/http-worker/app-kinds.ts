/** What is used of the apps that a module can export, and how each is known. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";

/** A Fastify instance. */
export interface FastifyLike {
  ready(): PromiseLike<unknown>;
  routing(request: IncomingMessage, response: ServerResponse): void;
  close(): PromiseLike<unknown>;
  server: Server;
}

/** A Nest application, on whatever adapter. */
export interface NestLike {
  init(): PromiseLike<unknown>;
  close(): PromiseLike<unknown>;
  getHttpServer(): Server;
  getHttpAdapter?(): { getInstance?(): unknown };
}

/** A Koa app. */
export interface KoaLike {
  callback(): RequestListener;
}

/** An app with `fetch`, such as Hono or h3. */
export interface FetchLike {
  fetch(request: Request, bindings: NodeBindings): Response | Promise<Response>;
}

/** What Hono's helpers for Node look for in the context's `env`, as `getConnInfo` does. */
export interface NodeBindings {
  /** Node's `IncomingMessage`. */
  readonly incoming: unknown;
  /** Node's `ServerResponse`. */
  readonly outgoing: unknown;
}

/** Whether an export is a Fastify instance. */
export function isFastify(value: unknown): value is FastifyLike {
  return has(value, "routing") && has(value, "ready") && has(value, "close");
}

/** Whether an export is a Nest application that serves HTTP. */
export function isNest(value: unknown): value is NestLike {
  return has(value, "getHttpServer") && has(value, "init") && has(value, "close");
}

/** Whether an export is a Koa app. */
export function isKoa(value: unknown): value is KoaLike {
  return has(value, "callback") && has(value, "use");
}

/** Whether an export has `fetch`. */
export function isFetch(value: unknown): value is FetchLike {
  return has(value, "fetch");
}

/** Whether an export can be called as a listener. A class cannot: without `new` it throws at each request. */
export function isListener(value: unknown): value is RequestListener {
  return typeof value === "function" && !/^class\b/.test(Function.prototype.toString.call(value));
}

function has(value: unknown, method: string): boolean {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return typeof Reflect.get(value, method) === "function";
}
