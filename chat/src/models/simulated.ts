import { answerTo } from "./answers.ts";
import type { GenerateRequest, Model } from "./model.ts";
import { Pauses } from "./pause.ts";
import { parseTokenDelay, pickDelay, type TokenDelay } from "./token-delay.ts";
import { isWord, tokenize } from "./tokenize.ts";

/** The settings of the simulated model. */
export interface SimulatedSettings {
  /** How long to wait before each word. `{ min: 0, max: 0 }` waits nowhere, not even while thinking. */
  readonly delay: TokenDelay;
  /** Before what to wait. `token`, for load tests, makes tokens come one by one. Default: `word`. */
  readonly pauseBefore?: "word" | "token";
  /** For load tests: every answer has exactly this many tokens. Default: an answer has its own length. */
  readonly answerTokens?: number;
  /** For load tests: `echo` answers each prompt with itself, so that nobody's answer fits another. Default: `prepared`. */
  readonly answer?: "prepared" | "echo";
}

const DEFAULT_DELAY = "30-80";
const THINKING_PAUSE_MS = 300;
const DOT = ".";
const THOUGHTS: readonly string[] = tokenize("[thinking...]\n\n");

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

  stream(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    return this.#delay.max === 0 ? this.#streamAtOnce(request, signal) : this.#streamPaced(request, signal);
  }

  // Apart from the paced stream, because this one must cost nothing per token but the yield: it is what the
  // server's own speed is measured with.
  async *#streamAtOnce(request: GenerateRequest, signal: AbortSignal) {
    yield* thoughtsLeft(request);
    for (const token of this.#answerLeft(request)) {
      if (signal.aborted) throw signal.reason;
      yield token;
    }
  }

  async *#streamPaced(request: GenerateRequest, signal: AbortSignal) {
    const pauses = new Pauses(signal);
    try {
      for (const token of thoughtsLeft(request)) {
        if (token === DOT) await pauses.wait(THINKING_PAUSE_MS);
        yield token;
      }
      for (const token of this.#answerLeft(request)) {
        if (this.#everyToken || isWord(token)) await pauses.wait(pickDelay(this.#delay));
        yield token;
      }
    } finally {
      pauses.end();
    }
  }

  // What comes after the emitted tokens. The same request has always the same answer, so their number says where to go on.
  #answerLeft({ prompt, messages, thinking, emitted }: GenerateRequest): Iterable<string> {
    const tokens = this.#echo ? tokenize(prompt) : answerTo(prompt, messages);
    const from = Math.max(0, emitted.length - (thinking ? THOUGHTS.length : 0));
    if (this.#answerTokens !== undefined) return repeatTo(tokens, this.#answerTokens, from);
    return from === 0 ? tokens : tokens.slice(from);
  }
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
