import type { Finish, Piece } from "../model.ts";
import { ModelError } from "../model-error.ts";
import { type Said, saidOf } from "./content.ts";
import { DONE, type UpstreamEvent } from "./event-stream.ts";
import { finishOf } from "./finish-reason.ts";
import { countOf, isObject, type JsonObject, listOf, objectOf, parseJson, textOf } from "./json.ts";
import { failureOf, isFailure } from "./stream-failure.ts";
import { ToolCallReader } from "./tool-calls.ts";
import { Usage, usageOf } from "./usage.ts";

/** What some send between the tokens to show that they live. */
const SIGN_OF_LIFE = /^(?:ping|pong|heartbeat|keep-?alive|:.*)?$/i;

/**
 * Reads the events of one answer of an upstream, whichever way it writes them, and makes the model's pieces of them. It
 * does no I/O, and keeps nothing of the text.
 */
export class AnswerReader {
  readonly #calls = new ToolCallReader();
  readonly #usage = new Usage();
  /** Of several choices the one that is read: that of the first part. */
  #choice: number | undefined;
  #reason: Finish["reason"] | undefined;
  /** Whether text came in deltas, so that a whole message behind them is the same once more. */
  #hadDelta = false;
  #begun = false;
  #done = false;
  #failure: Error | undefined;

  /** Whether a piece of the answer came. Then it cannot be asked for again, since it may say something else. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether the upstream said why it ended, or that it did: nothing but usage is missing. */
  get ended(): boolean {
    return this.#failure === undefined && (this.#done || this.#reason !== undefined);
  }

  /** Whether nothing of the answer follows. */
  get done(): boolean {
    return this.#done;
  }

  /** What the upstream says went wrong; to be thrown once its last pieces are passed on. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Takes the next event. @returns the pieces that it brings. */
  take({ data, event, isCut = false }: UpstreamEvent): Piece[] {
    const text = data.trim();
    if (text === DONE) {
      this.#done = true;
      return [];
    }
    const value = parseJson(text);
    const pieces: Piece[] = [];
    if (event === "error" || value === undefined) {
      // What the end of the stream cut off is not known; without a reason before it, the answer is not whole.
      if (!isCut) this.#takeOther(event, value, text);
      return pieces;
    }
    // Gemini's errors are lists.
    for (const chunk of Array.isArray(value) ? value : [value]) this.#takeChunk(chunk, text, pieces);
    if (pieces.length > 0) this.#begun = true;
    return pieces;
  }

  /**
   * The answer is over. @returns what was held back of it, and how it ended.
   *
   * @param countPrompt estimates what was asked, where the upstream does not say it.
   * @throws ModelError `upstream_failed` where it is not whole.
   */
  end(countPrompt: () => number): { readonly pieces: readonly Piece[]; readonly finish: Finish } {
    if (this.#reason === undefined && !this.#done)
      throw new ModelError("upstream_failed", "the upstream broke off in mid-answer");
    const held = this.#calls.end(this.#reason === "length");
    const pieces: Piece[] = held.length > 0 ? [{ toolCalls: held }] : [];
    if (!this.#begun && pieces.length === 0 && (this.#reason ?? "tool_calls") === "tool_calls")
      throw new ModelError("upstream_failed", "the upstream ended without an answer");
    for (const piece of pieces) this.#usage.add(piece);
    return { pieces, finish: { reason: this.#finalReason(), ...this.#usage.finish(countPrompt) } };
  }

  /** Many say `stop` or nothing where they called tools, but a client that reads no `tool_calls` calls none. */
  #finalReason(): Finish["reason"] {
    const reason = this.#reason ?? "stop";
    if (this.#calls.any) return reason === "stop" ? "tool_calls" : reason;
    return reason === "tool_calls" ? "stop" : reason;
  }

  #takeOther(event: string | undefined, value: unknown, text: string): void {
    const isNamed = event !== undefined && event !== "" && event !== "message";
    if (event === "error") this.#failure ??= failureOf(isObject(value) ? value : {}, text);
    else if (!isNamed && this.#reason === undefined && !SIGN_OF_LIFE.test(text))
      this.#failure ??= noChunk(text);
  }

  #takeChunk(chunk: unknown, text: string, pieces: Piece[]): void {
    if (chunk === null || chunk === "") return;
    if (!isObject(chunk)) {
      this.#failure ??= noChunk(text);
      return;
    }
    const choice = this.#choiceOf(chunk);
    if (choice !== undefined) this.#takeChoice(choice, pieces);
    const usage = usageOf(chunk, choice);
    if (usage !== undefined) this.#usage.read(usage);
    if (isFailure(chunk)) this.#failure ??= failureOf(chunk, text);
    const finish = finishOf(choice?.["finish_reason"]);
    if (finish === "error")
      this.#failure ??= new ModelError("upstream_failed", "the upstream says that it failed in mid-answer");
    else this.#reason = finish ?? this.#reason;
  }

  #choiceOf(chunk: JsonObject): JsonObject | undefined {
    // Without any, the chunk may be what a choice is elsewhere.
    if (chunk["choices"] === undefined) return chunk;
    const choices = listOf(chunk["choices"]).filter(isObject);
    const [first] = choices;
    if (first === undefined) return undefined;
    const indexOf = (choice: JsonObject): number => countOf(choice["index"]) ?? this.#choice ?? 0;
    this.#choice ??= choices.some((choice) => indexOf(choice) === 0) ? 0 : indexOf(first);
    return choices.find((choice) => indexOf(choice) === this.#choice);
  }

  #takeChoice(choice: JsonObject, pieces: Piece[]): void {
    const delta = objectOf(choice["delta"]);
    if (delta !== undefined) {
      const said = saidOf(delta);
      if (said.length > 0) this.#hadDelta = true;
      this.#takeSaid(said, pieces);
      this.#takeCalls(delta, pieces);
    }
    const message = objectOf(choice["message"]);
    if (message !== undefined) {
      if (!this.#hadDelta) this.#takeSaid(saidOf(message), pieces);
      if (!this.#calls.any) this.#takeCalls(message, pieces);
    }
    // As in OpenAI's older API.
    const text = textOf(choice["text"]) ?? textOf(choice["delta"]) ?? textOf(choice["content"]);
    if (text !== undefined && pieces.length === 0 && !this.#hadDelta) this.#takeSaid([text], pieces);
  }

  #takeSaid(said: readonly Said[], pieces: Piece[]): void {
    for (const piece of said) {
      this.#usage.add(piece);
      pieces.push(piece);
    }
  }

  #takeCalls({ tool_calls, function_call }: JsonObject, pieces: Piece[]): void {
    const parts = listOf(tool_calls);
    // What tools were before they were tools.
    const old = objectOf(function_call);
    const all = parts.length > 0 || old === undefined ? parts : [{ function: old }];
    if (all.length === 0) return;
    const toolCalls = this.#calls.take(all);
    if (toolCalls.length === 0) return;
    const piece = { toolCalls };
    this.#usage.add(piece);
    pieces.push(piece);
  }
}

function noChunk(text: string): ModelError {
  return new ModelError("upstream_failed", `what the upstream said is not a chunk: ${text.slice(0, 200)}`);
}
