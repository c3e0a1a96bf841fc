import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { type CallOptions, createStreamId, type DirtyStream, dirty, getDirtyClient } from "tsunicorn";
import type { z } from "zod";
import type { ChatApp } from "../chat-app.ts";
import { whenClientGone } from "../flow-control.ts";
import { jsonBody } from "../plugins/json-body.ts";
import { ChatRequest, SyncRequest } from "../schemas/chat.ts";
import { CHAT_ANSWER, CHAT_ERRORS, CHAT_EVENTS } from "../schemas/responses.ts";
import { type AnswerOptions, sendAnswer } from "../send-answer.ts";

type Streamed = FastifyRequest<{ Body: z.output<typeof ChatRequest> }>;
type InOnePiece = FastifyRequest<{ Body: z.output<typeof SyncRequest> }>;

const chat = dirty<ChatApp>("./chat-app.ts:ChatApp");

const STREAM_DESCRIPTION = `Server-Sent Events: a \`data: {"token": "…"}\` for each word, punctuation mark and run
of white space, then \`data: [DONE]\`. Joined, the tokens are the exact text.

The headers go out with the first token, so a failure before it is a status. A later one is a single
\`data: {"error":{"type":"…","message":"…"}}\`, and the stream ends without \`[DONE]\`. Its type is one of
\`timeout\`, \`app_error\`, \`worker_died\`, \`draining\`, \`unavailable\`, \`internal_error\`.

With \`"resumable": true\` the answer outlives its connection. The headers go out as soon as the request is queued or
runs, with \`X-Stream-Id\`; each token has an \`id:\` line with its number; and until the first token there is a
comment line at least every 15 s. While it waits, \`event: queued\` with \`data: {"position": N}\` says its place in the
queue, 1 for the next one, when that has changed and at most once a second. \`GET /chat/streams/{id}\` continues, \`DELETE\` cancels. Errors in mid-stream can
then also be \`queue_timeout\`, \`no_workers\`, \`stream_gone\` and \`cancelled\`.`;

/** `POST /chat`, streamed, and `POST /chat/sync`, in one piece. */
export async function chatRoutes(scope: FastifyInstance): Promise<void> {
  jsonBody(scope);
  const app = scope.withTypeProvider<ZodTypeProvider>();
  app.post(
    "/chat",
    {
      schema: {
        tags: ["chat"],
        summary: "Stream an answer, token by token",
        description: STREAM_DESCRIPTION,
        body: ChatRequest,
        response: { 200: CHAT_EVENTS, ...CHAT_ERRORS },
      },
    },
    streamAnswer,
  );
  app.post(
    "/chat/sync",
    {
      schema: {
        tags: ["chat"],
        summary: "Answer in one piece",
        body: SyncRequest,
        response: { 200: CHAT_ANSWER, ...CHAT_ERRORS },
      },
    },
    answerAtOnce,
  );
}

async function streamAnswer(request: Streamed, reply: FastifyReply): Promise<void> {
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

async function answerAtOnce(request: InOnePiece, reply: FastifyReply) {
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

function generate({ body, id }: Streamed | InOnePiece, options: CallOptions): DirtyStream<string> {
  const { prompt, thinking, messages = [] } = body;
  const bound = chat.with({ ...options, requestId: id });
  // Without a history nothing of it crosses to the model.
  return messages.length === 0
    ? bound.generate(prompt, thinking)
    : bound.generate(prompt, thinking, messages);
}
