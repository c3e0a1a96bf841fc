import type { IncomingMessage, ServerResponse } from "node:http";
import { dirty, getDirtyClient } from "tsunicorn";
import type { SpinApp } from "./spin-app.ts";

const spinner = dirty<SpinApp>("./spin-app.ts:SpinApp");

/** `GET /health`, `GET /readyz`, and `POST /spin?seconds=N`, which is answered when a dirty worker has spun that long. */
export default async function spinMain(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  response.setHeader("content-type", "application/json");
  if (url.pathname === "/spin") {
    const turns = await spinner.spin(Number(url.searchParams.get("seconds")));
    response.end(JSON.stringify({ turns }));
  } else if (url.pathname === "/readyz" && !getDirtyClient().status().ready) {
    response.writeHead(503).end('{"status":"starting"}');
  } else {
    response.end('{"status":"ok"}');
  }
}
