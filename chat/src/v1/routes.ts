import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { whenClientGone } from "../flow-control.ts";
import type { ModelCatalog } from "../models/catalog.ts";
import type { BodyRoom } from "../plugins/body-room.ts";
import { jsonBody } from "../plugins/json-body.ts";
import { ChatFormat, TextFormat } from "./completion-format.ts";
import { embeddingList } from "./embedding-list.ts";
import { ModelClients } from "./model-client.ts";
import { CHAT_COMPLETION, COMPLETION, EMBEDDINGS, MODEL_ERRORS } from "./responses.ts";
import { ChatCompletionRequest, CompletionRequest, EmbeddingRequest } from "./schemas.ts";
import { type Completion, streamCompletion, wholeCompletion } from "./send-completion.ts";
import { chatToRequest, completionToRequest, wantsUsage } from "./to-request.ts";

const CHAT_DESCRIPTION = `As OpenAI's. With \`"stream": true\` the answer is Server-Sent Events, the last of them
\`data: [DONE]\`. The headers go out with the first token, or after 15 s, with comment lines from then on. A failure in
mid-stream is a single \`data: {"error":{…}}\`, and the stream ends without \`[DONE]\`.

What the model thinks, asked for with \`reasoning_effort\`, comes as \`reasoning_content\`. \`tools\` and
\`response_format\` are refused with 400 where the model has none.`;

/**
 * `POST /v1/chat/completions`, `/v1/completions` and `/v1/embeddings`: what OpenAI's clients speak.
 *
 * @param bodyLimit the most bytes of a body.
 * @param room what all bodies together have room in.
 */
export function openaiRoutes(
  catalog: ModelCatalog,
  bodyLimit: number,
  room: BodyRoom,
): (scope: FastifyInstance) => Promise<void> {
  return async (scope) => {
    jsonBody(scope, room);
    const models = new ModelClients(catalog);
    const app = scope.withTypeProvider<ZodTypeProvider>();
    app.post(
      "/v1/chat/completions",
      {
        bodyLimit,
        schema: {
          tags: ["openai"],
          summary: "Answer a conversation",
          description: CHAT_DESCRIPTION,
          body: ChatCompletionRequest,
          response: { 200: CHAT_COMPLETION, ...MODEL_ERRORS },
        },
      },
      (request, reply) => {
        const { body } = request;
        const model = models.get(body.model);
        const format = new ChatFormat({ model: model.name, includeUsage: wantsUsage(body) });
        return answer(
          { model, asked: chatToRequest(body, model.isUpstream), format },
          body.stream === true,
          request,
          reply,
        );
      },
    );
    app.post(
      "/v1/completions",
      {
        bodyLimit,
        schema: {
          tags: ["openai"],
          summary: "Continue a text",
          description: "As OpenAI's older API, for clients that know only that.",
          body: CompletionRequest,
          response: { 200: COMPLETION, ...MODEL_ERRORS },
        },
      },
      (request, reply) => {
        const { body } = request;
        const model = models.get(body.model);
        const format = new TextFormat({ model: model.name, includeUsage: wantsUsage(body) });
        return answer(
          { model, asked: completionToRequest(body, model.isUpstream), format },
          body.stream === true,
          request,
          reply,
        );
      },
    );
    app.post(
      "/v1/embeddings",
      {
        bodyLimit,
        schema: {
          tags: ["openai"],
          summary: "Embed texts",
          description: "Only where the model can; others refuse it with 400.",
          body: EmbeddingRequest,
          response: { 200: EMBEDDINGS, ...MODEL_ERRORS },
        },
      },
      async (request, reply) => {
        const { input, encoding_format: encoding, model: name } = request.body;
        const model = models.get(name);
        const signal = whenClientGone(reply.raw);
        try {
          const made = await model.embed([input].flat(), { signal, requestId: request.id });
          return embeddingList(made, model.name, encoding ?? "float");
        } catch (error) {
          if (!signal.aborted) throw error;
          return reply.hijack();
        }
      },
    );
  };
}

async function answer(
  completion: Completion,
  isStreamed: boolean,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object | undefined> {
  if (!isStreamed) return wholeCompletion(completion, request, reply);
  await streamCompletion(completion, request, reply);
  return undefined;
}
