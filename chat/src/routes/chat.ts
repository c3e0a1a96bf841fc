import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { type CallOptions, createStreamId, getDirtyClient } from "tsunicorn";
import type { z } from "zod";
import { whenClientGone } from "../flow-control.ts";
import type { ModelCatalog } from "../models/catalog.ts";
import { textOfChunks } from "../models/text-chunks.ts";
import { TextModel } from "../models/text-model.ts";
import type { BodyRoom } from "../plugins/body-room.ts";
import { jsonBody } from "../plugins/json-body.ts";
import { chatRequest, syncRequest } from "../schemas/chat.ts";
import { CHAT_ANSWER, CHAT_ERRORS, CHAT_EVENTS } from "../schemas/responses.ts";
import { type AnswerOptions, sendAnswer } from "../send-answer.ts";
import { publicStreamId } from "../stream-id.ts";

type Streamed = FastifyRequest<{ Body: z.output<ReturnType<typeof chatRequest>> }>;
type InOnePiece = FastifyRequest<{ Body: z.output<ReturnType<typeof syncRequest>> }>;

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
 * @param room what all bodies together have room in.
 */
export function chatRoutes(
  models: ModelCatalog,
  bodyLimit: number,
  room: BodyRoom,
): (scope: FastifyInstance) => Promise<void> {
  return async (scope) => {
    jsonBody(scope, room);
    const choose = chooseAmong(models);
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
      (request: Streamed, reply) => {
        const model = choose(request);
        return answer(model, () => streamAnswer(model, request, reply));
      },
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
      (request: InOnePiece, reply) => {
        const model = choose(request);
        return answer(model, () => answerAtOnce(model, request, reply));
      },
    );
  };
}

/** Says which model a request asks. */
type Choose = (request: Streamed | InOnePiece) => TextModel;

function chooseAmong({ models, names }: ModelCatalog): Choose {
  const known = new Map(models.map((model) => [model.name, new TextModel(model)]));
  return ({ body: { model = names[0] ?? "" } }) => {
    const found = known.get(model);
    // The schema takes no other names.
    if (found === undefined) throw new Error(`there is no model ${model}`);
    return found;
  };
}

function ask(model: TextModel, { body, id }: Streamed | InOnePiece, options: CallOptions) {
  const { prompt, thinking, messages = [] } = body;
  return model.ask({ prompt, thinking, messages }, { ...options, requestId: id });
}

async function streamAnswer(model: TextModel, request: Streamed, reply: FastifyReply): Promise<void> {
  const { resumable, thinking } = request.body;
  const form = model.form(thinking);
  const textOf = textOfChunks(form, model.name);
  if (!resumable) {
    const open = (options: AnswerOptions) => ask(model, request, options);
    return sendAnswer(open, request, reply, undefined, textOf);
  }
  const streamId = createStreamId();
  const open = (options: AnswerOptions) => ask(model, request, { ...options, streamId });
  const position = { id: publicStreamId(streamId, form), after: 0 };
  await sendAnswer(open, request, reply, position, textOf);
  // The client left before it was told the id: no reader can ever come back for this answer.
  if (!reply.raw.headersSent)
    await getDirtyClient()
      .cancel(streamId)
      .catch(() => {});
}

async function answerAtOnce(model: TextModel, request: InOnePiece, reply: FastifyReply) {
  const signal = whenClientGone(reply.raw);
  const textOf = textOfChunks(model.form(request.body.thinking), model.name);
  let response = "";
  try {
    for await (const chunks of ask(model, request, { signal }).batches()) {
      for (const chunk of chunks) response += textOf(chunk) ?? "";
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    reply.hijack();
    return;
  }
  return { response };
}

/** Has a model answer; one that has no `generate`, which was not known, is asked anew. */
async function answer<T>(model: TextModel, tell: () => Promise<T>): Promise<T> {
  try {
    const told = await tell();
    model.answered();
    return told;
  } catch (error) {
    if (!model.asksOtherwise(error)) throw error;
    return answer(model, tell);
  }
}
