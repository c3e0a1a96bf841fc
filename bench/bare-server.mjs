// The other side of each ratio: what the same generator costs inside a bare `node:http` server, in one
// process. One `res.write` per token, and a turn of the event loop between tokens where the generator
// itself does not wait. Plain JavaScript, so that no loader weighs on it.
//
//   node bench/bare-server.mjs PORT     CHAT_TOKEN_DELAY_MS, CHAT_SIMULATED_TOKENS as for the chat
import { createServer } from "node:http";

// Typed by its source, so that checking the bench needs no build of the chat.
/** @type {typeof import("../chat/src/models/simulated.ts")} */
const { SimulatedModel, simulatedSettings } = await import(
  new URL("../chat/dist/models/simulated.js", import.meta.url).href
);

const BACKLOG = 2048;

const settings = simulatedSettings(process.env);
const model = new SimulatedModel(settings);
const waits = settings.delay.max > 0;

const server = createServer((request, response) => {
  if (request.url === "/chat") chat(request, response);
  else response.setHeader("content-type", "application/json").end('{"status":"ok"}');
});
server.listen(Number(process.argv[2]), "127.0.0.1", BACKLOG);

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
function chat(request, response) {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (part) => {
    body += part;
  });
  request.on("end", () => answer(JSON.parse(body).prompt, response));
}

/**
 * @param {string} prompt
 * @param {import("node:http").ServerResponse} response
 */
async function answer(prompt, response) {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    });
    const asked = { prompt, messages: [], thinking: false, emitted: [] };
    for await (const token of model.stream(asked, gone.signal)) {
      response.write(`data: {"token": ${JSON.stringify(token)}}\n\n`);
      if (!waits) await new Promise((resolve) => setImmediate(resolve));
    }
    response.end("data: [DONE]\n\n");
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
}
