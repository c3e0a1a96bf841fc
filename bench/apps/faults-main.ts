import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirty, getDirtyClient } from "tsunicorn";
import type { FaultsApp } from "./faults-app.ts";

const app = dirty<FaultsApp>("./faults-app.ts:FaultsApp");

/** `GET /count?name=…&interval=MS&times=N`, a line for each token and `end`; `GET /aborts`, a line; `GET /readyz`. */
export default async function faultsMain(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (url.pathname === "/count") {
    await count(url.searchParams, response);
  } else if (url.pathname === "/aborts") {
    response.end(`${JSON.stringify(await app.aborts())}\n`);
  } else {
    response.writeHead(getDirtyClient().status().ready ? 200 : 503).end();
  }
}

async function count(query: URLSearchParams, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    const numbers = app
      .with({ signal: gone.signal })
      .count(query.get("name") ?? "", Number(query.get("interval")), Number(query.get("times")));
    for await (const token of numbers) {
      if (!response.write(`${token}\n`)) await once(response, "drain", { signal: gone.signal });
    }
    response.end("end\n");
  } catch (error) {
    if (!gone.signal.aborted) response.destroy(error instanceof Error ? error : undefined);
  }
}
