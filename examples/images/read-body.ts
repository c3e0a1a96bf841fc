import type { IncomingMessage } from "node:http";

/**
 * Reads the body of a request.
 * @param most bytes that it may have.
 * @returns undefined where it has more.
 * @throws where the client leaves before its end.
 */
export async function readBody(request: IncomingMessage, most: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > most) return undefined;
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    size += part.length;
    if (size > most) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
