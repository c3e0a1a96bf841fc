import type { FastifyReply, FastifyRequest } from "fastify";
import { describeFailure, logFailure } from "../failures.ts";
import { drained, whenClientGone } from "../flow-control.ts";
import { KEEP_ALIVE_MS, keepAlive } from "../keep-alive.ts";
import type { Finish, Piece } from "../models/model.ts";
import type { CompleteRequest } from "../models/model-app.ts";
import { startEvents } from "../send-answer.ts";
import { DONE_EVENT, KEEP_ALIVE_COMMENT } from "../sse.ts";
import type { CompletionFormat } from "./completion-format.ts";
import { failureBody, toRequestError } from "./errors.ts";
import { estimate, type ModelClient } from "./model-client.ts";

/** An answer to be made. */
export interface Completion {
  readonly model: ModelClient;
  readonly asked: CompleteRequest;
  readonly format: CompletionFormat;
}

/**
 * Streams a completion as events. Tokens that came together are written together.
 *
 * The headers go out with the first token, so that a failure before it can be a status; without one they go out after
 * {@link KEEP_ALIVE_MS}, and comments follow, so that no proxy gives the connection up.
 *
 * @throws whatever the call fails with before the headers are out.
 */
export async function streamCompletion(
  { model, asked, format }: Completion,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { raw } = reply;
  const signal = whenClientGone(raw);
  let started = false;
  let endKeepAlive: (() => void) | undefined;
  const start = () => {
    clearTimeout(timer);
    started = true;
    startEvents(reply);
  };
  const timer = setTimeout(() => {
    if (signal.aborted) return;
    start();
    raw.write(KEEP_ALIVE_COMMENT);
    endKeepAlive = keepAlive(raw);
  }, KEEP_ALIVE_MS);
  let count = 0;
  let finish: Finish | undefined;
  let events = format.begin();
  try {
    for await (const batch of model.complete(asked, { signal, requestId: request.id })) {
      if (!started) start();
      endKeepAlive?.();
      for (const piece of batch) {
        if (typeof piece === "object" && "finish" in piece) {
          finish = piece.finish;
        } else {
          count++;
          events += format.piece(piece);
        }
      }
      // The last tokens go out with the end, which is about to come.
      if (finish !== undefined || events === "") continue;
      const room = raw.write(events);
      events = "";
      if (!room) await drained(raw, signal);
    }
    if (!started) start();
    raw.end(events + format.end(finish ?? estimate(asked, count)) + DONE_EVENT);
  } catch (error) {
    if (signal.aborted) {
      // There is no client left to answer. Without this Fastify would try to.
      if (!started) reply.hijack();
      return;
    }
    if (!started) throw error;
    raw.end(`${count > 0 ? events : ""}data: ${JSON.stringify(bodyOf(error, request))}\n\n`);
  } finally {
    clearTimeout(timer);
    endKeepAlive?.();
  }
}

/** Makes a completion in one piece. Where the client leaves meanwhile, it is `undefined`. */
export async function wholeCompletion(
  { model, asked, format }: Completion,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object | undefined> {
  const signal = whenClientGone(reply.raw);
  const pieces: Piece[] = [];
  let finish: Finish | undefined;
  try {
    for await (const batch of model.complete(asked, { signal, requestId: request.id })) {
      for (const piece of batch) {
        if (typeof piece === "object" && "finish" in piece) finish = piece.finish;
        else pieces.push(piece);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    reply.hijack();
    return undefined;
  }
  return format.whole(pieces, finish ?? estimate(asked, pieces.length));
}

function bodyOf(error: unknown, { id, url }: FastifyRequest): object {
  const refusal = error instanceof Error ? toRequestError(error, url) : undefined;
  if (refusal !== undefined) {
    const { message, param, code } = refusal;
    return { error: { message, type: "invalid_request_error", param, code } };
  }
  logFailure(error, id);
  return failureBody(describeFailure(error));
}
