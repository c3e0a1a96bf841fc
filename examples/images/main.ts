import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { DirtyError, dirty, getLogger } from "tsunicorn";
import { readBody } from "./read-body.ts";
import type { ThumbnailApp } from "./thumbnail-app.ts";

const MOST_BYTES = 10 * 1024 * 1024;

const images = dirty<ThumbnailApp>("./thumbnail-app.ts:ThumbnailApp");

/** What an HTTP worker does with each request. An image is nothing but bytes to it: the work is done elsewhere. */
export default async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const left = new AbortController();
  response.on("close", () => left.abort());
  try {
    const [path, query] = (request.url ?? "/").split("?", 2);
    if (path === "/health") return sendJson(response, 200, { status: "ok" });
    if (path !== "/thumbnail") return sendJson(response, 404, { detail: "there is no such path" });
    if (request.method !== "POST") return sendJson(response, 405, { detail: "POST the image" });
    await makeThumbnail(request, response, new URLSearchParams(query), left.signal);
  } catch (error) {
    if (left.signal.aborted || request.errored) return; // the client has left
    const { statusCode = 500, headers = {} } = error instanceof DirtyError ? error : {};
    if (statusCode === 500) getLogger().error({ err: error }, "a request failed");
    // What went wrong in here may be private: it stays in the log.
    sendJson(response, statusCode, { detail: STATUS_CODES[statusCode] }, headers);
  }
}

async function makeThumbnail(
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
  signal: AbortSignal,
): Promise<void> {
  const width = Number(query.get("width") ?? 200);
  if (!Number.isInteger(width) || width < 1 || width > 2000) {
    return sendJson(response, 422, { detail: "width must be a whole number from 1 to 2000" });
  }
  const image = await readBody(request, MOST_BYTES);
  if (image === undefined) {
    request.resume(); // the rest is read and dropped: a client that still sends would not see the answer
    return sendJson(response, 413, { detail: `the image is larger than ${MOST_BYTES} bytes` });
  }
  const thumbnail = await images.with({ signal }).thumbnail(image, width);
  if ("refused" in thumbnail) return sendJson(response, 422, { detail: thumbnail.refused });
  response.writeHead(200, { "content-type": "image/png", "content-length": thumbnail.png.length });
  response.end(thumbnail.png);
}

function sendJson(response: ServerResponse, status: number, body: object, headers = {}): void {
  response.writeHead(status, { ...headers, "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(body));
}
