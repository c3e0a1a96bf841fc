import type { FastifyReply, FastifyRequest } from "fastify";
import type { CallOptions, DirtyStream } from "tsunicorn";
import { describeFailure, logFailure } from "./failures.ts";
import { drained, whenClientGone } from "./flow-control.ts";
import { keepAlive } from "./keep-alive.ts";
import { type TextOf, textOfChunks } from "./models/text-chunks.ts";
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
 * @param textOf how its chunks are read; left out, they are text.
 * @throws whatever the call fails with before the headers are out.
 */
export async function sendAnswer(
  open: (options: AnswerOptions) => DirtyStream<unknown>,
  request: FastifyRequest,
  reply: FastifyReply,
  position?: StreamPosition,
  textOf: TextOf = textOfChunks("text", "the answer"),
): Promise<void> {
  const { raw } = reply;
  const signal = whenClientGone(raw);
  let started = false;
  let endKeepAlive: (() => void) | undefined;
  // A reader that has tokens already reads an answer that goes on, wherever that may wait.
  const place = position?.after === 0 ? new QueuePlace(raw) : undefined;
  try {
    const answer = open(place === undefined ? { signal } : { signal, onQueued: place.moved });
    const eventOf =
      position === undefined
        ? (token: string | undefined) => (token === undefined ? "" : tokenEvent(token))
        : numberedTokenEvents(position.after);
    const start = (): void => {
      started = true;
      startEvents(position === undefined ? reply : reply.header(STREAM_ID_HEADER, position.id));
    };
    if (position !== undefined) {
      await answer.accepted();
      signal.throwIfAborted();
      start();
      raw.flushHeaders();
      place?.show();
      endKeepAlive = keepAlive(raw);
    }
    for await (const tokens of answer.batches()) {
      let events = "";
      let wrong: { error: unknown } | undefined;
      try {
        for (const token of tokens) events += eventOf(textOf(token));
      } catch (error) {
        // What came before it is told all the same.
        wrong = { error };
      }
      if (events !== "") {
        if (!started) start();
        endKeepAlive?.();
        place?.end();
        if (!raw.write(events)) await drained(raw, signal);
      }
      if (wrong !== undefined) throw wrong.error;
    }
    if (!started) start();
    raw.end(DONE_EVENT);
  } catch (error) {
    if (signal.aborted) {
      // There is no client left to answer. Without this Fastify would try to.
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
