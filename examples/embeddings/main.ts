import { STATUS_CODES } from "node:http";
import fastify, { type FastifyError, type FastifyReply } from "fastify";
import { DirtyError, dirty, getLogger } from "tsunicorn";
import type { Embedded, EmbeddingApp } from "./embedding-app.ts";

const model = dirty<EmbeddingApp>("./embedding-app.ts:EmbeddingApp");

/** Computes texts, unless the client has left before their batch begins. */
async function embed(texts: string[], reply: FastifyReply): Promise<Embedded> {
  const left = new AbortController();
  reply.raw.on("close", () => left.abort());
  return await model.with({ signal: left.signal }).embed(texts);
}

const app = fastify({ bodyLimit: 1024 * 1024 });

const TEXT = { type: "string", maxLength: 10_000 };
const TEXTS = { type: "array", items: TEXT, minItems: 1, maxItems: 64 };
const TO_EMBED = { type: "object", required: ["texts"], properties: { texts: TEXTS } };
const TO_RANK = { type: "object", required: ["query", "texts"], properties: { query: TEXT, texts: TEXTS } };

app.get("/health", async () => ({ status: "ok" }));

app.post<{ Body: { texts: string[] } }>("/embed", { schema: { body: TO_EMBED } }, async ({ body }, reply) => {
  const embedded = await embed(body.texts, reply);
  const vectors = vectorsOf(embedded).map((vector) => Array.from(vector, round));
  return { dimensions: embedded.dimensions, vectors, together: embedded.together };
});

app.post<{ Body: { query: string; texts: string[] } }>(
  "/rank",
  { schema: { body: TO_RANK } },
  async ({ body }, reply) => {
    const [query, ...others] = vectorsOf(await embed([body.query, ...body.texts], reply));
    const ranked = body.texts.map((text, index) => ({ text, score: similarity(query, others[index]) }));
    return ranked.sort((a, b) => b.score - a.score);
  },
);

app.setErrorHandler<FastifyError & { headers?: Record<string, string> }>((error, _request, reply) => {
  if (reply.raw.destroyed) return reply.send(); // the client has left
  // The errors of dirty calls have a status, as Fastify's, and headers.
  const { statusCode = 500, headers = {}, message } = error;
  if (statusCode === 500) getLogger().error({ err: error }, "a request failed");
  // What went wrong in here may be private: it stays in the log.
  const isOurs = statusCode >= 500 || error instanceof DirtyError;
  const detail = isOurs ? STATUS_CODES[statusCode] : message;
  return reply.code(statusCode).headers(headers).send({ detail });
});

// There is no app.listen(): the server has the sockets, and each of its HTTP workers serves this app.
export default app;

/** Takes the vectors of an answer apart. */
function vectorsOf({ vectors, dimensions }: Embedded): Float32Array[] {
  // A copy: floats must begin at a multiple of four, and bytes that came over a socket may begin anywhere.
  const floats = new Float32Array(new Uint8Array(vectors).buffer);
  const rows = floats.length / dimensions;
  return Array.from({ length: rows }, (_, row) => floats.subarray(row * dimensions, (row + 1) * dimensions));
}

/** The cosine of the angle between two vectors of length 1. */
function similarity(a: Float32Array | undefined, b: Float32Array | undefined): number {
  return round(a?.reduce((total, value, index) => total + value * (b?.[index] ?? 0), 0) ?? 0);
}

/** As many digits as anybody needs. */
function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
