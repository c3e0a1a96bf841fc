import { open } from "node:fs/promises";
import { extname, join } from "node:path";
import type { FastifyReply } from "fastify";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

/** How long a browser may use a file without asking whether it has changed. */
export type Caching = "always ask" | "for ever";

/**
 * Sends a file of a folder, from disk each time: a page that is built while the server runs is served at once,
 * and no worker keeps a copy in memory. Types that are not known here are not served.
 *
 * @param name a plain file name, without any folder. Anything else is not found, so no name leads out of it.
 * @returns the reply, or `undefined` where there is no such file: nothing was sent then.
 */
export async function sendFile(
  reply: FastifyReply,
  folder: string,
  name: string,
  caching: Caching,
): Promise<FastifyReply | undefined> {
  const type = TYPES[extname(name)];
  if (type === undefined || !/^\w[\w.-]*$/.test(name)) return undefined;
  const file = await open(join(folder, name)).catch(() => undefined);
  if (file === undefined) return undefined;

  const { size, mtimeMs } = await file.stat();
  const etag = `"${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}"`;
  reply
    .header("content-type", type)
    .header("etag", etag)
    .header("cache-control", caching === "for ever" ? "public, max-age=31536000, immutable" : "no-cache");
  if (reply.request.headers["if-none-match"] === etag) {
    await file.close();
    return reply.code(304).send();
  }
  return reply.header("content-length", size).send(file.createReadStream());
}
