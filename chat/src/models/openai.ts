import type { Finish, GenerateRequest, Model, Piece } from "./model.ts";
import { AnswerReader } from "./openai/answer-reader.ts";
import { Dialect } from "./openai/dialect.ts";
import { EmittedSkip } from "./openai/emitted-skip.ts";
import { eventsOf, type UpstreamEvent } from "./openai/event-stream.ts";
import { requestBody } from "./openai/request-body.ts";
import type { UpstreamSettings } from "./openai/settings.ts";
import { UpstreamCall } from "./openai/upstream.ts";
import { tokenize } from "./tokenize.ts";

/**
 * A model behind an OpenAI-compatible API. It keeps nothing but what the upstream turned out not to take, so it needs no
 * `close`.
 *
 * No such API goes on in mid-answer. So an answer that is to be continued is asked for anew, and what its reader has of
 * it is left out, as long as the upstream says the same; otherwise the answer ends with an error.
 */
export class OpenAiModel implements Model {
  readonly #settings: UpstreamSettings;
  readonly #dialect: Dialect;

  constructor(settings: UpstreamSettings) {
    this.#settings = settings;
    this.#dialect = new Dialect(settings);
  }

  async *stream(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<Piece, Finish, undefined> {
    signal.throwIfAborted();
    const call = new UpstreamCall(this.#settings, this.#dialect, signal);
    const skip = new EmittedSkip(request.emitted);
    try {
      for (;;) {
        const answer = new AnswerReader();
        try {
          const body = await call.open((wording) =>
            JSON.stringify(requestBody(request, this.#settings, wording)),
          );
          const stream = eventsOf(body);
          try {
            while (!answer.done) {
              const events = await nextOf(stream, answer, signal);
              if (events === undefined) break;
              for (const event of events) {
                for (const piece of answer.take(event)) {
                  signal.throwIfAborted();
                  const rest = skip.rest(piece);
                  if (rest !== undefined) yield rest;
                }
                if (answer.failure !== undefined) throw answer.failure;
                if (answer.done) break;
              }
              // Only its usage may be missing.
              if (answer.ended) call.hurry();
            }
          } finally {
            await stream.return();
          }
          const { pieces, finish } = answer.end(() => countPrompt(request));
          for (const piece of pieces) {
            const rest = skip.rest(piece);
            if (rest !== undefined) yield rest;
          }
          skip.end();
          return finish;
        } catch (error) {
          // Once it has begun, another try could say something else.
          if (answer.begun) throw error;
          await call.retry(error);
        }
      }
    } finally {
      call.close();
    }
  }
}

/**
 * The next events of an answer; undefined at its end. An upstream that said why it ended has answered, also where it then
 * breaks off or falls silent.
 */
async function nextOf(
  stream: AsyncGenerator<readonly UpstreamEvent[], void, undefined>,
  answer: AnswerReader,
  signal: AbortSignal,
): Promise<readonly UpstreamEvent[] | undefined> {
  try {
    const { done, value } = await stream.next();
    return done ? undefined : value;
  } catch (error) {
    signal.throwIfAborted();
    if (answer.ended) return undefined;
    throw error;
  }
}

/** For upstreams that count nothing: words and marks. */
function countPrompt({ prompt, messages }: GenerateRequest): number {
  const texts = [prompt, ...messages.map(({ content }) => content)];
  return texts.reduce((sum, text) => sum + tokenize(text).length, 0);
}
