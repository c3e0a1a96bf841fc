import type { FastifyReply, FastifyRequest } from "fastify";
import type { CallOptions, DirtyStream } from "tsunicorn";
import { describeFailure, logFailure } from "./failures.ts";
import { drained, whenClientGone } from "./flow-control.ts";
import { keepAlive } from "./keep-alive.ts";
import { QueuePlace } from "./queue-place.ts";
import { DONE_EVENT, errorEvent, numberedTokenEvents, SSE_HEADERS, tokenEvent } from "./sse.ts";

/** The header that names a resumable answer. */
export const STREAM_ID_HEADER = "x-stream-id";

/** Where in a resumable answer a response begins. */
export interface StreamPosition {
  readonly id: string;
  /** The number of the last token that the client has; 0 for none. */
  readonly after: number;
}

/** What an answer's call is made with, beside what it is about. */
export type AnswerOptions = Pick<CallOptions, "signal" | "onQueued">;

/**
 * Sends an answer as events on the raw response. Tokens that came together are written together: a fast stream
 * then costs a step and a write for each read, and a slow one the same as ever.
 *
 * The headers go out with the first token, so that a failure before it can be a status. Those of a resumable
 * answer go out as soon as it is sure to be known by its id, and comments follow until its first token, with its
 * place where it waits: its client has to learn the id in time to use it.
 *
 * @param open makes the call whose tokens are sent, with these options. The signal is aborted when the client leaves.
 * @param position of a resumable answer.
 * @throws whatever the call fails with before the headers are out.
 */
export async function sendAnswer(
  open: (options: AnswerOptions) => DirtyStream<string>,
  request: FastifyRequest,
  reply: FastifyReply,
  position?: StreamPosition,
): Promise<void> {
  const { raw } = reply;
  const signal = whenClientGone(raw);
  let started = false;
  let endKeepAlive: (() => void) | undefined;
  // Whoever has tokens already reads an answer that goes on, wherever that may wait.
  const place = position?.after === 0 ? new QueuePlace(raw) : undefined;
  try {
    const answer = open(place === undefined ? { signal } : { signal, onQueued: place.moved });
    const eventOf = position === undefined ? tokenEvent : numberedTokenEvents(position.after);
    if (position !== undefined) {
      await answer.accepted();
      signal.throwIfAborted();
      started = true;
      startEvents(reply.header(STREAM_ID_HEADER, position.id));
      raw.flushHeaders();
      place?.show();
      endKeepAlive = keepAlive(raw);
    }
    for await (const tokens of answer.batches()) {
      if (!started) {
        started = true;
        startEvents(reply);
      }
      endKeepAlive?.();
      place?.end();
      let events = "";
      for (const token of tokens) events += eventOf(token);
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
  } finally {
    endKeepAlive?.();
    place?.end();
  }
}

/** Takes the response from Fastify and sends its headers, those of hooks and plugins too. */
export function startEvents(reply: FastifyReply): void {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  reply.raw.writeHead(200, SSE_HEADERS);
}
