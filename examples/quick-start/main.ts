// main.ts
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirty } from "tsunicorn";
import type { ShoutApp } from "./shout-app.ts";

const app = dirty<ShoutApp>("./shout-app.ts:ShoutApp"); // typed by the class; nothing is imported at run time

export default async function serve(req: IncomingMessage, res: ServerResponse) {
  const text = new URL(req.url ?? "/", "http://localhost").searchParams.get("text") ?? "hello world";
  const gone = new AbortController();
  res.on("close", () => gone.abort());
  for await (const word of app.with({ signal: gone.signal }).shout(text)) res.write(word);
  res.end(`(${await app.count(text)} words)\n`);
}
