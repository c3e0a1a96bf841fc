import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { type CallOptions, createStreamId, type DirtyStream, getDirtyClient } from "tsunicorn";
import type { z } from "zod";
import { whenClientGone } from "../flow-control.ts";
import { askForText } from "../models/ask-for-text.ts";
import type { ModelCatalog } from "../models/catalog.ts";
import { jsonBody } from "../plugins/json-body.ts";
import { chatRequest, syncRequest } from "../schemas/chat.ts";
import { CHAT_ANSWER, CHAT_ERRORS, CHAT_EVENTS } from "../schemas/responses.ts";
import { type AnswerOptions, sendAnswer } from "../send-answer.ts";

type Streamed = FastifyRequest<{ Body: z.output<ReturnType<typeof chatRequest>> }>;
type InOnePiece = FastifyRequest<{ Body: z.output<ReturnType<typeof syncRequest>> }>;

/** Makes the call that answers a request. */
type Generate = (request: Streamed | InOnePiece, options: CallOptions) => DirtyStream<string>;

const STREAM_DESCRIPTION = `Server-Sent Events: a \`data: {"token": "…"}\` for each word, punctuation mark and run
of white space, then \`data: [DONE]\`. Joined, the tokens are the exact text.

The headers go out with the first token, so a failure before it is a status. A later one is a single
\`data: {"error":{"type":"…","message":"…"}}\`, and the stream ends without \`[DONE]\`. Its type is one of
\`timeout\`, \`app_error\`, \`worker_died\`, \`no_workers\`, \`draining\`, \`unavailable\`, \`internal_error\`.

With \`"resumable": true\` the answer outlives its connection. The headers go out as soon as the request is queued or
runs, with \`X-Stream-Id\`; each token has an \`id:\` line with its number; and until the first token there is a
comment line at least every 15 s. While it waits, \`event: queued\` with \`data: {"position": N}\` says its place in the
queue, 1 for the next one, when that has changed and at most once a second. \`GET /chat/streams/{id}\` continues,
\`DELETE\` cancels. Errors in mid-stream can then also be \`queue_timeout\`, \`stream_gone\` and \`cancelled\`.`;

/**
 * `POST /chat`, streamed, and `POST /chat/sync`, in one piece.
 *
 * @param bodyLimit the most bytes of a body.
 */
export function chatRoutes(
  models: ModelCatalog,
  bodyLimit: number,
): (scope: FastifyInstance) => Promise<void> {
  return async (scope) => {
    jsonBody(scope);
    const generate = generateWith(models);
    const app = scope.withTypeProvider<ZodTypeProvider>();
    app.post(
      "/chat",
      {
        bodyLimit,
        schema: {
          tags: ["chat"],
          summary: "Stream an answer, token by token",
          description: STREAM_DESCRIPTION,
          body: chatRequest(models.names),
          response: { 200: CHAT_EVENTS, ...CHAT_ERRORS },
        },
      },
      (request: Streamed, reply) => streamAnswer(generate, request, reply),
    );
    app.post(
      "/chat/sync",
      {
        bodyLimit,
        schema: {
          tags: ["chat"],
          summary: "Answer in one piece",
          body: syncRequest(models.names),
          response: { 200: CHAT_ANSWER, ...CHAT_ERRORS },
        },
      },
      (request: InOnePiece, reply) => answerAtOnce(generate, request, reply),
    );
  };
}

function generateWith({ models, names }: ModelCatalog): Generate {
  const asks = new Map(models.map((model) => [model.name, askForText(model)]));
  return ({ body, id }, options) => {
    const { prompt, thinking, messages = [], model = names[0] ?? "" } = body;
    const ask = asks.get(model);
    // The schema takes no other names.
    if (ask === undefined) throw new Error(`there is no model ${model}`);
    return ask({ prompt, thinking, messages }, { ...options, requestId: id });
  };
}

async function streamAnswer(generate: Generate, request: Streamed, reply: FastifyReply): Promise<void> {
  const { resumable } = request.body;
  if (!resumable) return sendAnswer((options) => generate(request, options), request, reply);

  const streamId = createStreamId();
  const open = (options: AnswerOptions) => generate(request, { ...options, streamId });
  await sendAnswer(open, request, reply, { id: streamId, after: 0 });
  // The client left before it was told the id: nobody can ever come back for this answer.
  if (!reply.raw.headersSent)
    await getDirtyClient()
      .cancel(streamId)
      .catch(() => {});
}

async function answerAtOnce(generate: Generate, request: InOnePiece, reply: FastifyReply) {
  const signal = whenClientGone(reply.raw);
  let response = "";
  try {
    for await (const tokens of generate(request, { signal }).batches()) response += tokens.join("");
  } catch (error) {
    if (!signal.aborted) throw error;
    reply.hijack();
    return;
  }
  return { response };
}
