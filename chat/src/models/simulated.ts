import { answerTo } from "./answers.ts";
import type { Finish, GenerateRequest, Model, Piece } from "./model.ts";
import { Pauses } from "./pause.ts";
import { StopCut } from "./stop-cut.ts";
import { parseTokenDelay, pickDelay, type TokenDelay } from "./token-delay.ts";
import { countTokens, isWord, tokenize } from "./tokenize.ts";
import { refuseUnsupported } from "./unsupported.ts";

/** The settings of the simulated model. */
export interface SimulatedSettings {
  /** How long to wait before each word. `{ min: 0, max: 0 }` waits nowhere, not even while thinking. */
  readonly delay: TokenDelay;
  /** Before what to wait. `token`, for load tests, makes tokens come one by one. Default: `word`. */
  readonly pauseBefore?: "word" | "token";
  /** For load tests: every answer has exactly this many tokens. Default: an answer has its own length. */
  readonly answerTokens?: number;
  /** For load tests: `echo` answers each prompt with itself, so that the answer to one fits no other. Default: `prepared`. */
  readonly answer?: "prepared" | "echo";
}

const DEFAULT_DELAY = "30-80";
const THINKING_PAUSE_MS = 300;
const DOT = ".";
/** The thinking phase as it stands in a text, and without what marks it there. */
const THOUGHTS: readonly string[] = tokenize("[thinking...]\n\n");
const BARE_THOUGHTS: readonly string[] = tokenize("thinking...");

/**
 * Reads the settings of the simulated model from environment variables.
 *
 * | variable | default | meaning |
 * |---|---|---|
 * | `CHAT_TOKEN_DELAY_MS` | `30-80` | milliseconds before each word: a range, a fixed number, or `0` for none |
 * | `CHAT_SIMULATED_PAUSE` | `word` | before what to wait; `token`, for load tests, waits before every token |
 * | `CHAT_SIMULATED_ANSWER` | `prepared` | what to answer; `echo`, for load tests, answers with the prompt itself |
 * | `CHAT_SIMULATED_TOKENS` | unset | for load tests: each answer is repeated or cut to exactly this many tokens |
 *
 * @throws Error that names the variable and its bad value.
 */
export function simulatedSettings(env: NodeJS.ProcessEnv): SimulatedSettings {
  const delay = parseTokenDelay(env.CHAT_TOKEN_DELAY_MS || DEFAULT_DELAY);
  const pauseBefore = env.CHAT_SIMULATED_PAUSE || "word";
  if (pauseBefore !== "word" && pauseBefore !== "token") {
    throw new Error(`CHAT_SIMULATED_PAUSE must be word or token, not ${JSON.stringify(pauseBefore)}`);
  }
  const answer = env.CHAT_SIMULATED_ANSWER || "prepared";
  if (answer !== "prepared" && answer !== "echo") {
    throw new Error(`CHAT_SIMULATED_ANSWER must be prepared or echo, not ${JSON.stringify(answer)}`);
  }
  const tokens = env.CHAT_SIMULATED_TOKENS;
  const settings: SimulatedSettings = { delay, pauseBefore, ...(answer === "echo" && { answer }) };
  if (!tokens) return settings;
  if (!/^[1-9]\d{0,8}$/.test(tokens)) {
    throw new Error(`CHAT_SIMULATED_TOKENS must be a positive whole number, not ${JSON.stringify(tokens)}`);
  }
  return { ...settings, answerTokens: Number(tokens) };
}

/** A model without a model: it recites prepared answers at the pace of a real one. */
export class SimulatedModel implements Model {
  #delay: TokenDelay;
  #everyToken: boolean;
  #answerTokens: number | undefined;
  #echo: boolean;

  constructor({ delay, pauseBefore, answerTokens, answer }: SimulatedSettings) {
    this.#echo = answer === "echo";
    this.#everyToken = pauseBefore === "token";
    this.#delay = delay;
    this.#answerTokens = answerTokens;
  }

  async *stream(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<Piece, Finish, undefined> {
    const { options = {}, thinking } = request;
    refuseUnsupported(options);
    const pauses = new Pauses(signal);
    const cut = new StopCut(options.stop);
    const most = options.maxTokens ?? Number.POSITIVE_INFINITY;
    // The same request has always the same pieces, so their number says where to go on.
    let skip = request.emitted.length;
    let count = 0;
    let reason: Finish["reason"] = "stop";
    try {
      const thoughts = thinking ? BARE_THOUGHTS : [];
      for (const reasoning of thoughts) {
        if (count === most) break;
        count++;
        if (skip-- > 0) continue;
        if (signal.aborted) throw signal.reason;
        if (reasoning === DOT && this.#delay.max > 0) await pauses.wait(THINKING_PAUSE_MS);
        yield { reasoning };
      }
      for (const token of this.#answer(request)) {
        if (count === most) {
          reason = "length";
          break;
        }
        count++;
        if (signal.aborted) throw signal.reason;
        if (skip <= 0 && this.#pausesBefore(token)) await pauses.wait(pickDelay(this.#delay));
        const text = cut.push(token);
        if (text !== "" && skip-- <= 0) yield text;
        if (cut.found) break;
      }
      const rest = cut.end();
      if (rest !== "" && skip <= 0) yield rest;
    } finally {
      pauses.end();
    }
    return { reason, promptTokens: promptTokens(request), completionTokens: count };
  }

  /**
   * The answer as text alone, as fast as it can be: a thinking phase stands in it as `[thinking...]`. For requests
   * without options.
   *
   * @param request its `emitted` are tokens of such a text.
   */
  text(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    return this.#delay.max === 0 ? this.#textAtOnce(request, signal) : this.#textPaced(request, signal);
  }

  // Apart from the paced text, because this one must cost nothing per token but the yield: it is what the
  // server's own speed is measured with.
  async *#textAtOnce(request: GenerateRequest, signal: AbortSignal) {
    yield* thoughtsLeft(request);
    for (const token of this.#answerLeft(request)) {
      if (signal.aborted) throw signal.reason;
      yield token;
    }
  }

  async *#textPaced(request: GenerateRequest, signal: AbortSignal) {
    const pauses = new Pauses(signal);
    try {
      for (const token of thoughtsLeft(request)) {
        if (token === DOT) await pauses.wait(THINKING_PAUSE_MS);
        yield token;
      }
      for (const token of this.#answerLeft(request)) {
        if (this.#pausesBefore(token)) await pauses.wait(pickDelay(this.#delay));
        yield token;
      }
    } finally {
      pauses.end();
    }
  }

  #pausesBefore(token: string): boolean {
    return this.#delay.max > 0 && (this.#everyToken || isWord(token));
  }

  // The same request has always the same answer, so the number of emitted tokens says where to go on.
  #answerLeft(request: GenerateRequest): Iterable<string> {
    const { thinking, emitted } = request;
    return this.#answer(request, Math.max(0, emitted.length - (thinking ? THOUGHTS.length : 0)));
  }

  #answer({ prompt, messages }: GenerateRequest, from = 0): Iterable<string> {
    const tokens = this.#echo ? tokenize(prompt) : answerTo(prompt, messages);
    if (this.#answerTokens !== undefined) return repeatTo(tokens, this.#answerTokens, from);
    return from === 0 ? tokens : tokens.slice(from);
  }
}

function promptTokens({ prompt, messages }: GenerateRequest): number {
  return countTokens([prompt, ...messages.map(({ content }) => content)]);
}

function thoughtsLeft({ thinking, emitted }: GenerateRequest): readonly string[] {
  return thinking ? THOUGHTS.slice(emitted.length) : [];
}

/** Repeats a text, with an empty line between, and cuts it after `count` tokens; begins after `from` of them. */
function* repeatTo(
  tokens: readonly string[],
  count: number,
  from: number,
): Generator<string, void, undefined> {
  const round = tokens.length + 1;
  for (let at = from; at < count; at++) yield tokens[at % round] ?? "\n\n";
}
