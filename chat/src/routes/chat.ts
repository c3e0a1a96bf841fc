import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { type DirtyStream, dirty } from "tsunicorn";
import type { z } from "zod";
import type { ChatApp } from "../chat-app.ts";
import { describeFailure, logFailure } from "../failures.ts";
import { drained, whenClientGone } from "../flow-control.ts";
import { jsonBody } from "../plugins/json-body.ts";
import { ChatRequest } from "../schemas/chat.ts";
import { CHAT_ANSWER, CHAT_ERRORS, CHAT_EVENTS } from "../schemas/responses.ts";
import { DONE_EVENT, errorEvent, SSE_HEADERS, tokenEvent } from "../sse.ts";

type Request = FastifyRequest<{ Body: z.output<typeof ChatRequest> }>;

const chat = dirty<ChatApp>("./chat-app.ts:ChatApp");

const STREAM_DESCRIPTION = `Server-Sent Events: a \`data: {"token": "…"}\` for each word, punctuation mark and run
of white space, then \`data: [DONE]\`. Joined, the tokens are the exact text.

The headers go out with the first token, so a failure before it is a status. A later one is a single
\`data: {"error":{"type":"…","message":"…"}}\`, and the stream ends without \`[DONE]\`. Its type is one of
\`timeout\`, \`app_error\`, \`worker_died\`, \`draining\`, \`unavailable\`, \`internal_error\`.`;

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
        body: ChatRequest,
        response: { 200: CHAT_ANSWER, ...CHAT_ERRORS },
      },
    },
    answerAtOnce,
  );
}

/**
 * Streams an answer on the raw response. Tokens that came together are written together: a fast stream then costs
 * a step and a write for each read, and a slow one the same as ever.
 */
async function streamAnswer(request: Request, reply: FastifyReply): Promise<void> {
  const { raw } = reply;
  const signal = whenClientGone(raw);
  let started = false;
  try {
    for await (const tokens of generate(request, signal).batches()) {
      if (!started) {
        started = true;
        startEvents(reply);
      }
      let events = "";
      for (const token of tokens) events += tokenEvent(token);
      if (!raw.write(events)) await drained(raw, signal);
    }
    if (!started) startEvents(reply);
    raw.end(DONE_EVENT);
  } catch (error) {
    if (signal.aborted) {
      // Nobody is left to answer. Without this Fastify would try to.
      if (!started) reply.hijack();
      return;
    }
    if (!started) throw error;
    logFailure(error, request.id);
    raw.end(errorEvent(describeFailure(error)));
  }
}

async function answerAtOnce(request: Request, reply: FastifyReply) {
  const signal = whenClientGone(reply.raw);
  let response = "";
  try {
    for await (const tokens of generate(request, signal).batches()) response += tokens.join("");
  } catch (error) {
    if (!signal.aborted) throw error;
    reply.hijack();
    return;
  }
  return { response };
}

function generate({ body, id }: Request, signal: AbortSignal): DirtyStream<string> {
  return chat.with({ signal, requestId: id }).generate(body.prompt, body.thinking);
}

/** Takes the response from Fastify and sends its headers, those of hooks and plugins too. */
function startEvents(reply: FastifyReply): void {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  reply.raw.writeHead(200, SSE_HEADERS);
}
