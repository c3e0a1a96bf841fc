import { randomInt } from "node:crypto";
import { AbortableSteps } from "./abortable-steps.ts";
import { AnswerParts, type ThoughtMarks } from "./answer-parts.ts";
import { readConversation } from "./llama/conversation.ts";
import { Embedder } from "./llama/embedder.ts";
import { GrammarDesk } from "./llama/grammar-desk.ts";
import { type LoadedLlama, loadLlama } from "./llama/loaded-llama.ts";
import type { ChatWrapper, Sampling, Sequence, Token } from "./llama/package.ts";
import { repeatPenaltyOf } from "./llama/penalties.ts";
import { PromptReader } from "./llama/prompt-reader.ts";
import { SequencePool } from "./llama/sequence-pool.ts";
import type { LlamaSettings } from "./llama/settings.ts";
import { TokenText } from "./llama/token-text.ts";
import type { Finish, GenerateRequest, Model, Piece } from "./model.ts";
import { ModelError } from "./model-error.ts";
import { refuseUnsupported } from "./unsupported.ts";

// llama.cpp's own defaults, which fit most models.
const TEMPERATURE = 0.8;
const TOP_K = 40;
const TOP_P = 0.95;
const MIN_P = 0.05;

// What a grammar lets follow the end of what it describes, and is not wanted.
const JSON_END = "\n\n\n\n";

/** A model in a GGUF file, run by llama.cpp in this process. Its answers are made together, one token each at a time. */
export class LlamaModel implements Model {
  readonly #loaded: LoadedLlama;
  readonly #sequences: readonly Sequence[];
  readonly #pool: SequencePool;
  readonly #grammars: GrammarDesk;
  readonly #embedder: Embedder;
  /** How conversations are written: without visible thoughts, and with them. */
  readonly #wrappers: readonly [ChatWrapper, ChatWrapper];
  /** What still computes, also behind an answer that was cut off. */
  readonly #busy = new Set<Promise<unknown>>();
  #closed = false;

  private constructor(loaded: LoadedLlama, settings: LlamaSettings) {
    const { library, model, context } = loaded;
    this.#loaded = loaded;
    this.#sequences = Array.from({ length: context.totalSequences }, () => context.getSequence());
    this.#pool = new SequencePool(this.#sequences);
    this.#grammars = new GrammarDesk(loaded);
    this.#embedder = new Embedder(loaded, settings);
    const quiet = { customWrapperSettings: { qwen: { thoughts: "discourage" } } };
    this.#wrappers = [library.resolveChatWrapper(model, quiet), library.resolveChatWrapper(model)];
  }

  /**
   * Loads the model.
   *
   * @param packages the folder in which node-llama-cpp is looked for, where it is not beside the chat's other packages.
   * @throws Error that says what is missing or wrong, and what to do about it.
   */
  static async load(settings: LlamaSettings, packages?: string): Promise<LlamaModel> {
    return new LlamaModel(await loadLlama(settings, packages), settings);
  }

  /** Answers that can be made at once. */
  get concurrency(): number {
    return this.#loaded.context.totalSequences;
  }

  async *stream(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<Piece, Finish, undefined> {
    signal.throwIfAborted();
    if (this.#closed) throw new ModelError("closed", "the model was closed");
    refuseUnsupported(request.options, { json: true });
    const { model, context, batches } = this.#loaded;
    const { maxTokens = Number.POSITIVE_INFINITY, stop = [], raw = false, json } = request.options ?? {};
    const wrapper = this.#wrappers[request.thinking ? 1 : 0];
    const { tokens, promptTokens } = readConversation(request, wrapper, model, context.contextSize);
    const sampling = await this.#samplingFor(request, tokens.slice(promptTokens));
    // A grammar must see the whole answer, so what was emitted of it is chosen once more, not read.
    const read = sampling.grammarEvaluationState === undefined ? tokens : tokens.slice(0, promptTokens);
    let unsaid = tokens.length - read.length;
    let count = tokens.length - promptTokens - unsaid;

    const marks = raw ? undefined : marksOf(wrapper);
    const stops = json === undefined ? stop : [...stop, JSON_END];
    const parts = new AnswerParts(marks, stops, request.emitted, raw && request.prompt !== "");
    const text = new TokenText(model, tokens, this.#tokensOf(marks));
    const finish = (reason: Finish["reason"]): Finish => ({ reason, promptTokens, completionTokens: count });
    const most = Math.min(maxTokens, context.contextSize - promptTokens);
    if (count >= most) return finish("length");

    const said = read.slice(promptTokens);
    const repeatPenalty = repeatPenaltyOf(request.options ?? {}, said, most);
    const steps = new AbortableSteps(signal);
    const sequence = await this.#pool.take(read, signal);
    const place = this.#sequences.indexOf(sequence);
    const computing = new PromptReader(sequence, context.batchSize, place, batches).read(
      read,
      { ...sampling, repeatPenalty },
      most - count,
      signal,
      repeatPenalty && said,
    );
    let step: Promise<unknown> = Promise.resolve();
    try {
      for (;;) {
        const next = computing.next();
        step = next;
        const { done, value: token } = await steps.wait(next);
        if (done) {
          yield* parts.end();
          return finish("stop");
        }
        count++;
        if (unsaid > 0) {
          if (token !== tokens[tokens.length - unsaid]) throw new Error("this answer cannot be gone on with");
          unsaid--;
        } else yield* parts.push(text.push(token));
        if (parts.stopped) return finish("stop");
        if (count < most) continue;
        yield* parts.end();
        return finish("length");
      }
    } finally {
      steps.end();
      this.#release(sequence, computing, step);
    }
  }

  async embed(inputs: readonly string[], signal: AbortSignal): Promise<number[][]> {
    if (this.#closed) throw new ModelError("closed", "the model was closed");
    return this.#embedder.embed(inputs, signal);
  }

  countTokens(text: string): number {
    return this.#loaded.model.tokenize(text).length;
  }

  async close(): Promise<void> {
    this.#closed = true;
    // What was cut off still computes its token, in memory that must not go under it.
    while (this.#busy.size > 0) await Promise.all(this.#busy);
    await this.#embedder.close();
    await this.#loaded.llama.dispose();
  }

  // The answer is over at once; its sequence is free when the computation in progress is.
  #release(sequence: Sequence, computing: AsyncGenerator<Token>, step: Promise<unknown>): void {
    const settled = step
      .catch(() => {})
      .then(() => computing.return(undefined))
      .catch(() => sequence.clearHistory())
      .then(() => {
        this.#busy.delete(settled);
        this.#pool.give(sequence);
      });
    this.#busy.add(settled);
  }

  async #samplingFor({ options = {} }: GenerateRequest, emitted: readonly Token[]): Promise<Sampling> {
    const { temperature = TEMPERATURE, topP = TOP_P, seed, json } = options;
    const sampling: Sampling = {
      temperature,
      topP,
      topK: TOP_K,
      minP: MIN_P,
      // llama.cpp's own seed is the time in seconds: the same for all who ask at once.
      seed: seed === undefined ? randomInt(2 ** 32) : Math.abs(Math.trunc(seed)) % 2 ** 32,
    };
    return json === undefined ? sampling : { ...sampling, ...(await this.#grammars.sampling(json, emitted)) };
  }

  #tokensOf(marks: ThoughtMarks | undefined): ReadonlySet<Token> {
    if (marks === undefined) return new Set();
    const { model } = this.#loaded;
    return new Set([marks.prefix, marks.suffix].flatMap((mark) => model.tokenize(mark, true)));
  }
}

function marksOf({ settings }: ChatWrapper): ThoughtMarks | undefined {
  const { prefix, suffix, openOnResponseStart = false } = settings.segments?.thought ?? {};
  const marks = [prefix, suffix].map((mark) => String(mark ?? "").trim());
  const [opening = "", closing = ""] = marks;
  return opening === "" || closing === ""
    ? undefined
    : { prefix: opening, suffix: closing, open: openOnResponseStart };
}
