import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { getDirtyClient } from "tsunicorn";
import { type TextOf, textOfChunks } from "../models/text-chunks.ts";
import { CANCEL_ERRORS, CANCELLED, RESUME_ERRORS, RESUMED_EVENTS } from "../schemas/responses.ts";
import { ResumeHeaders, StreamParams } from "../schemas/streams.ts";
import { type AnswerOptions, sendAnswer } from "../send-answer.ts";
import { parseStreamId } from "../stream-id.ts";

const RESUME_DESCRIPTION = `Events of an answer that was asked for with \`"resumable": true\`, after the one that
\`Last-Event-ID\` names, or from the first. It works through any connection, before the first token too, and while
another reader is attached. A client that leaves detaches: the answer goes on without a reader for \`streamGrace\`
seconds, and can be read for five minutes after its end. A reader who begins at its first token while it still waits is told
its place by \`event: queued\`, as in \`POST /chat\`.

404 and 410 are decided before the headers go out. A later failure is an event, as in \`POST /chat\`.`;

const CANCEL_DESCRIPTION = `Ends the answer, queued or running. Its readers get one error event of the type
\`cancelled\`, and no \`[DONE]\`.`;

/** `GET /chat/streams/{id}` continues a resumable answer, and `DELETE` cancels it. */
export async function streamRoutes(scope: FastifyInstance): Promise<void> {
  const app = scope.withTypeProvider<ZodTypeProvider>();
  app.get(
    "/chat/streams/:id",
    {
      // It would attach a reader to answer with nothing.
      exposeHeadRoute: false,
      schema: {
        tags: ["chat"],
        summary: "Continue a resumable answer",
        description: RESUME_DESCRIPTION,
        params: StreamParams,
        headers: ResumeHeaders,
        response: { 200: RESUMED_EVENTS, ...RESUME_ERRORS },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { streamId, form } = parseStreamId(id);
      const wanted = request.headers["last-event-id"];
      // Whether a thinking phase is open is seen by the chunk before.
      const isMidway = form === "thinking" && wanted > 0;
      const after = isMidway ? wanted - 1 : wanted;
      const open = (options: AnswerOptions) =>
        getDirtyClient().resume(streamId, { ...options, after, requestId: request.id });
      const textOf = textOfChunks(form, "the stream");
      await sendAnswer(open, request, reply, { id, after }, isMidway ? withoutFirst(textOf) : textOf);
    },
  );
  app.delete(
    "/chat/streams/:id",
    {
      schema: {
        tags: ["chat"],
        summary: "Cancel a resumable answer",
        description: CANCEL_DESCRIPTION,
        params: StreamParams,
        response: { 204: CANCELLED, ...CANCEL_ERRORS },
      },
    },
    async (request, reply) => {
      await getDirtyClient().cancel(parseStreamId(request.params.id).streamId);
      return reply.code(204).send(null);
    },
  );
}

/** The texts but that of the first chunk, which is only read. */
function withoutFirst(textOf: TextOf): TextOf {
  let isFirst = true;
  return (chunk) => {
    const text = textOf(chunk);
    if (!isFirst) return text;
    isFirst = false;
    return undefined;
  };
}
