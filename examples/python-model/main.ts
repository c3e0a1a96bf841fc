import { STATUS_CODES } from "node:http";
import { Readable } from "node:stream";
import fastify, { type FastifyError, type FastifyReply } from "fastify";
import { DirtyError, type DirtyStream, getLogger } from "tsunicorn";
import { markov } from "./markov.ts";

const app = fastify();

app.get("/health", async () => ({ status: "ok" }));

interface Prompt {
  prompt: string;
  words: number;
  seed?: number;
}

const PROMPT = {
  type: "object",
  required: ["prompt"],
  properties: {
    prompt: { type: "string", maxLength: 1000 },
    words: { type: "integer", minimum: 1, maximum: 1000, default: 30 },
    seed: { type: "integer" },
  },
};

app.post<{ Body: Prompt }>("/generate", { schema: { body: PROMPT } }, (request, reply) => {
  const { prompt, words, seed } = request.body;
  return sendText(reply, (signal) => markov.with({ signal }).generate(prompt, words, seed));
});

app.post<{ Body: Prompt }>("/dictate", { schema: { body: PROMPT } }, (request, reply) => {
  const { prompt, words, seed } = request.body;
  return sendText(reply, (signal) => markov.with({ signal }).dictate(prompt, words, 0.2, seed));
});

app.get<{ Params: { word: string } }>("/followers/:word", (request) =>
  markov.followers_of(request.params.word),
);

app.setErrorHandler<FastifyError & { headers?: Record<string, string> }>((error, _request, reply) => {
  if (reply.raw.destroyed) return reply.send(); // the client has left
  // The errors of dirty calls have a status, as Fastify's, and headers.
  const { statusCode = 500, headers = {}, message } = error;
  if (statusCode === 500) getLogger().error({ err: error }, "a request failed");
  // What went wrong in here may be private: it stays in the log.
  const isOurs = statusCode >= 500 || error instanceof DirtyError;
  const detail = isOurs ? STATUS_CODES[statusCode] : message;
  // A stream that failed before its first word has left its type behind.
  return reply.code(statusCode).headers(headers).type("application/json").send({ detail });
});

// There is no app.listen(): the server has the sockets, and each of its HTTP workers serves this app.
export default app;

/**
 * Sends a stream of text. Fastify reads on only while the client does; the headers go out with the first word, so that a
 * failure before it can still be a status.
 */
function sendText(reply: FastifyReply, open: (left: AbortSignal) => DirtyStream<string>): FastifyReply {
  const left = new AbortController();
  reply.raw.on("close", () => left.abort());
  reply.type("text/plain; charset=utf-8");
  return reply.send(Readable.from(open(left.signal), { highWaterMark: 1 }));
}
