import type { Finish, GenerateRequest, Model, Piece } from "./model.ts";
import { ModelError } from "./model-error.ts";
import { readChunk, type UpstreamChunk } from "./openai/chunk.ts";
import { EmittedSkip } from "./openai/emitted-skip.ts";
import { eventData } from "./openai/event-data.ts";
import { requestBody } from "./openai/request-body.ts";
import type { UpstreamSettings } from "./openai/settings.ts";
import { UpstreamCall } from "./openai/upstream.ts";
import { tokenize } from "./tokenize.ts";

const DONE = "[DONE]";

/**
 * A model behind an OpenAI-compatible API. It keeps nothing, so it needs no `close`.
 *
 * No such API goes on in mid-answer. So an answer that is to be continued is asked for anew, and what its reader has of
 * it is left out, as long as the upstream says the same; otherwise the answer ends with an error.
 */
export class OpenAiModel implements Model {
  readonly #settings: UpstreamSettings;

  constructor(settings: UpstreamSettings) {
    this.#settings = settings;
  }

  async *stream(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<Piece, Finish, undefined> {
    signal.throwIfAborted();
    const call = new UpstreamCall(this.#settings, signal);
    const body = JSON.stringify(requestBody(request, this.#settings));
    const skip = new EmittedSkip(request.emitted);
    let pieces = 0;
    try {
      for (;;) {
        let reason: Finish["reason"] | undefined;
        let usage: UpstreamChunk["usage"];
        try {
          for await (const data of eventData(await call.open(body))) {
            if (data === DONE) return { reason: reason ?? "stop", ...(usage ?? countsOf(request, pieces)) };
            const chunk = readChunk(data);
            reason = chunk.reason ?? reason;
            usage = chunk.usage ?? usage;
            for (const piece of chunk.pieces) {
              pieces++;
              signal.throwIfAborted();
              const rest = skip.rest(piece);
              if (rest !== undefined) yield rest;
            }
          }
          // Some end without [DONE], but none without a reason.
          if (reason === undefined)
            throw new ModelError("upstream_failed", "the upstream broke off in mid-answer");
          return { reason, ...(usage ?? countsOf(request, pieces)) };
        } catch (error) {
          // Once it has begun, another try could say something else.
          if (pieces > 0) throw error;
          await call.retry(error);
        }
      }
    } finally {
      call.close();
    }
  }
}

// For upstreams that count nothing: words and marks, and of the answer the pieces.
function countsOf({ prompt, messages }: GenerateRequest, pieces: number): Omit<Finish, "reason"> {
  const texts = [prompt, ...messages.map(({ content }) => content)];
  return {
    promptTokens: texts.reduce((sum, text) => sum + tokenize(text).length, 0),
    completionTokens: pieces,
  };
}
