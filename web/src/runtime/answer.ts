import type { ChatModelRunResult } from "@assistant-ui/react";
import { ChatFailure } from "../server/chat-error.ts";
import type { ChatUpdate } from "../server/chat-stream.ts";
import type { AnswerFacts, Failure } from "./answer-facts.ts";
import { splitThinking } from "./thinking.ts";

/** How an answer was asked for. */
export interface AnswerOptions {
  readonly thinking: boolean;
  readonly model?: string | undefined;
  /** Read again from its first token: its tokens then do not come at the speed at which they were made. */
  readonly replayed?: boolean;
}

/** One answer while it comes: takes what happens to it, and gives what the page shows. */
export class Answer {
  readonly #options: AnswerOptions;
  readonly #startedAt = performance.now();
  #firstAt: number | undefined;
  #lastAt = 0;
  #thoughtAt: number | undefined;
  #tokens = 0;
  #text = "";
  #pieces: string[] = [];
  #queuePlace: number | undefined;
  #reconnecting = false;
  #failure: Failure | undefined;
  #stopped = false;

  constructor(options: AnswerOptions) {
    this.#options = options;
  }

  /** Takes an update. Costs nothing per token but its place in a list. */
  take(update: ChatUpdate): void {
    if (update.type === "tokens") {
      this.#lastAt = performance.now();
      this.#firstAt ??= this.#lastAt;
      this.#tokens += update.tokens.length;
      for (const token of update.tokens) this.#pieces.push(token);
      this.#queuePlace = undefined;
      this.#reconnecting = false;
    } else if (update.type === "queued") {
      this.#queuePlace = update.place;
    } else if (update.type === "connection") {
      this.#reconnecting = update.lost;
    } else if (update.type === "stopped") {
      this.#stopped = true;
    }
  }

  /** Ends the answer with a failure. */
  fail(error: unknown): void {
    // What the server or the network did is told to the user; anything else is a fault of this page.
    if (!(error instanceof ChatFailure)) console.error(error);
    const known =
      error instanceof ChatFailure
        ? error
        : new ChatFailure("failed", "The page itself failed.", { cause: error });
    this.#failure = toFailure(known, Date.now());
  }

  /** What the page shows of it now. */
  result(ended: boolean): ChatModelRunResult {
    if (this.#pieces.length > 0) {
      this.#text += this.#pieces.join("");
      this.#pieces = [];
    }
    const { thinking, text } = this.#options.thinking
      ? splitThinking(this.#text)
      : { thinking: undefined, text: this.#text };
    if (thinking !== undefined && text !== "") this.#thoughtAt ??= this.#lastAt;
    return {
      content: [
        ...(thinking === undefined ? [] : [{ type: "reasoning" as const, text: thinking }]),
        ...(text === "" ? [] : [{ type: "text" as const, text }]),
      ],
      metadata: { custom: { ...this.#facts(ended) } },
      ...(ended && this.#ending()),
    };
  }

  #ending(): Pick<ChatModelRunResult, "status"> {
    if (this.#failure !== undefined) {
      return { status: { type: "incomplete", reason: "error", error: this.#failure.message } };
    }
    if (this.#stopped) return { status: { type: "incomplete", reason: "cancelled" } };
    return { status: { type: "complete", reason: "stop" } };
  }

  #facts(ended: boolean): AnswerFacts {
    const measured = this.#firstAt !== undefined && this.#options.replayed !== true;
    const { model } = this.#options;
    return {
      ...(model !== undefined && { model }),
      ...(this.#tokens > 0 && { tokens: this.#tokens }),
      ...(measured && {
        firstTokenMs: Math.round((this.#firstAt ?? 0) - this.#startedAt),
        streamingMs: Math.round(this.#lastAt - (this.#firstAt ?? 0)),
        ...(this.#thoughtAt !== undefined && {
          thinkingMs: Math.round(this.#thoughtAt - (this.#firstAt ?? 0)),
        }),
      }),
      ...(!ended && this.#queuePlace !== undefined && { queuePlace: this.#queuePlace }),
      ...(!ended && this.#reconnecting && { reconnecting: true }),
      ...(this.#failure !== undefined && { failure: this.#failure }),
    };
  }
}

/** A failure as a fact of the answer. */
export function toFailure(failure: ChatFailure, now: number): Failure {
  const { kind, message, retryAfter, requestId } = failure;
  return {
    kind,
    message,
    ...(retryAfter !== undefined && { retryAt: now + retryAfter * 1000 }),
    ...(requestId !== undefined && { requestId }),
  };
}
