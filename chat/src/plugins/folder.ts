import { type FileHandle, open } from "node:fs/promises";
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

/** What a browser may take a file as, the smallest first, and how such a copy of a file is named. */
const COPIES = [
  { encoding: "br", extension: ".br" },
  { encoding: "gzip", extension: ".gz" },
] as const;

/**
 * Sends a file of a folder, from disk each time: a page that is built while the server runs is served at once,
 * and no worker keeps a copy in memory. Where a compressed copy lies beside it, and the client takes that, it is
 * sent instead. Types that are not known here are not served.
 *
 * @param name a plain file name, without any folder. Anything else is not found, so no name leads out of it.
 * @returns whether there is such a file; if not, nothing was sent. Not the reply: to await that is to wait for
 *   its end, and to get nothing.
 */
export async function sendFile(
  reply: FastifyReply,
  folder: string,
  name: string,
  caching: Caching,
): Promise<boolean> {
  const type = TYPES[extname(name)];
  if (type === undefined || !/^\w[\w.-]*$/.test(name)) return false;
  const { headers } = reply.request;
  const found = await openFile(join(folder, name), headers["accept-encoding"]);
  if (found === undefined) return false;

  const { file, encoding } = found;
  const { size, mtimeMs } = await file.stat();
  // Each copy has a tag of its own: what a cache keeps of one must not pass for the other.
  const etag = `"${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}${encoding === undefined ? "" : `-${encoding}`}"`;
  reply
    .header("content-type", type)
    .header("vary", "accept-encoding")
    .header("etag", etag)
    .header("cache-control", caching === "for ever" ? "public, max-age=31536000, immutable" : "no-cache");
  if (isKnown(etag, headers["if-none-match"])) {
    await file.close();
    reply.code(304).send();
    return true;
  }
  if (encoding !== undefined) reply.header("content-encoding", encoding);
  reply.header("content-length", size).send(file.createReadStream());
  return true;
}

async function openFile(
  path: string,
  accepted: string | undefined,
): Promise<{ file: FileHandle; encoding?: string } | undefined> {
  for (const { encoding, extension } of COPIES) {
    if (!accepts(accepted, encoding)) continue;
    const file = await open(path + extension).catch(() => undefined);
    if (file !== undefined) return { file, encoding };
  }
  const file = await open(path).catch(() => undefined);
  return file && { file };
}

/** Whether an `Accept-Encoding` names an encoding, and not to refuse it. */
function accepts(header: string | undefined, encoding: string): boolean {
  const wanted = header?.toLowerCase().split(",") ?? [];
  return wanted.some((item) => {
    const [name, ...parameters] = item.split(";").map((part) => part.trim());
    return name === encoding && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}

/** Whether the client has it already. A proxy that changes an answer on the way makes its tag a weak one. */
function isKnown(etag: string, header: string | undefined): boolean {
  return header?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag) ?? false;
}
